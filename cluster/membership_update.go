package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// An UpdateError says why a change of a group was not made.
type UpdateError struct {
	Group string
	Err   error
}

func (e *UpdateError) Error() string {
	return fmt.Sprintf("cluster: change group %s: %v", e.Group, e.Err)
}
func (e *UpdateError) Unwrap() error { return e.Err }

var (
	// ErrUnknown is the error of a change that was sent, and whose outcome was
	// not known when the context ended: it is in the log, or comes to be in it,
	// or never is.
	ErrUnknown = errors.New("the outcome is not known")

	// ErrTooLarge is the error of a change that the servers' max_payload does
	// not allow.
	ErrTooLarge = errors.New("the change is larger than the servers allow")

	// errConflict is that of a change of a state that another change replaced.
	errConflict = errors.New("another change came first")
)

// Update changes the group at all gateways: members, weights, drains, marks, or
// the strategy, of which only one kind of change can be made at once. It calls
// change with the newest state, writes what that makes of it if the state is
// still the newest, and else begins again; so change may be called several
// times, and must depend on nothing else. Nobody's change is lost, and none is
// made twice, whatever happens to servers meanwhile.
//
// Update returns the revision, once the group here has it. A change of nothing
// writes nothing. It ends a change that is announced: see
// [Membership.UpdatePlanned].
//
// The error is an [*UpdateError] of what change returned, of what the group or
// its strategy refuse, of a [*PermissionError], of [ErrTooLarge], or of ctx,
// with [ErrUnknown] where that ended too early to know. It takes a round to
// the servers and the time of a Build, and as often again as others change the
// group at that moment.
func (m *Membership) Update(ctx context.Context, change func(*State) error) (revision uint64, err error) {
	for {
		revision, err = m.tryUpdate(ctx, change)
		if !errors.Is(err, errConflict) {
			break
		}
	}
	if err != nil {
		return 0, &UpdateError{m.name, err}
	}
	_ = m.Wait(ctx, revision) // it is made, whether or not it is here in time
	return revision, nil
}

func (m *Membership) tryUpdate(ctx context.Context, change func(*State) error) (uint64, error) {
	state, at := m.State()
	next := state.clone()
	next.Plan = nil
	if err := change(&next); err != nil {
		return 0, err
	}
	next.Plan = nil
	if announced := state.Plan; announced != nil {
		same := next.clone()
		same.Plan = announced
		if same.equal(state) {
			return at, nil
		}
	}
	if next.equal(state) {
		return at, nil
	}
	if err := m.check(state, at, next); err != nil {
		return 0, err
	}
	return m.write(ctx, at, state, next)
}

// check returns what every gateway would say to the next state.
func (m *Membership) check(state State, at uint64, next State) error {
	if err := next.valid(state); err != nil {
		return err
	}
	s, err := selector.ParseStrategy(next.Strategy)
	if err != nil {
		return err
	}
	m.applying.Lock()
	defer m.applying.Unlock()
	if m.version != at {
		return nil // another change comes first, or this gateway has a trouble of its own
	}
	if next.Strategy == state.Strategy {
		s = nil
	}
	_, err = m.replica.Plan(s, next.listed())
	return err
}

// write writes the change of the state that has revision at, and returns its
// revision.
func (m *Membership) write(ctx context.Context, at uint64, state, next State) (uint64, error) {
	data, id, err := m.encode(at, state, next)
	if err != nil {
		return 0, err
	}
	return m.send(ctx, at, data, id)
}

// send writes an encoded change. After ErrUnknown it may be made.
func (m *Membership) send(ctx context.Context, at uint64, data []byte, id string) (uint64, error) {
	if m.ctx.Err() != nil {
		return 0, ErrClosed
	}
	wait, sent := backoff{}, false
	for {
		number, err := m.put(ctx, data, m.seenAfter(at))
		if err == nil {
			m.compact()
			return number, nil
		}
		if _, denied := errors.AsType[*PermissionError](err); denied {
			return 0, err
		}
		refused := stale(err)
		// Without a server nothing is sent, since nothing is buffered.
		kept := errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionClosed)
		sent = sent || !refused && !kept
		if refused {
			// The log is ahead of what is known here, or the server has a change
			// in flight that may yet fail.
			soon, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
			_ = m.Wait(soon, at+1)
			cancel()
		}
		m.mu.Lock()
		number, made := m.ids[id]
		passed := m.revision > at
		m.mu.Unlock()
		switch {
		case made:
			return number, nil
		case passed: // nothing that changes an older state is taken any more
			return 0, errConflict
		case m.ctx.Err() != nil:
			err = ErrClosed
		case wait.sleep(ctx):
			continue
		default:
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		if sent {
			return 0, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return 0, err
	}
}

// seenAfter returns the newest number of the key that is known, if no revision
// came after at.
func (m *Membership) seenAfter(at uint64) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision != at {
		return at
	}
	return m.seen
}

// put adds to the key if its newest number is at.
func (m *Membership) put(ctx context.Context, data []byte, at uint64) (number uint64, err error) {
	c := m.conn
	ctx, cancel := context.WithTimeout(ctx, logTry)
	defer cancel()
	err = c.permitted(ctx, c.bucket.subject(m.name), func(ctx context.Context) (err error) {
		number, err = c.bucket.kv.Update(ctx, m.name, data, at)
		return err
	})
	return number, err
}

// stale reports whether a server refused a change since the state that it
// changes is not the newest.
func stale(err error) bool {
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return true
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// encode returns the entry of a change: with the whole state now and then, so
// that what was before can go.
func (m *Membership) encode(at uint64, state, next State) (data []byte, id string, err error) {
	c := m.conn
	e := makeEntry(c.changeID(), c.config.Gateway, at, state, next)
	whole := e
	if e.State == nil && next.Plan == nil && m.due() {
		whole = entry{ID: e.ID, By: e.By, After: at, State: &next}
	}
	if data, err = whole.encode(); err == nil && int64(len(data)) > c.nats.MaxPayload() && whole.State != e.State {
		data, err = e.encode()
	}
	if err == nil && int64(len(data)) > c.nats.MaxPayload()-1024 { // room for the headers
		err = fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	return data, e.ID, err
}
