package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats.go/jetstream"
)

// GroupConfig describes a group that a gateway takes part in. The first gateway
// makes the group of it; for all others the log counts.
type GroupConfig[T any] struct {
	Name string // letters, digits, - and _

	// Strategy is that of the group if this gateway makes it. A group that
	// exists keeps its own, and a gateway that was built with another one is
	// reported: see Conn.Divergence. nil: whatever the group has, and
	// selector.Bounded for a new one.
	Strategy selector.Strategy

	// Scope is as in selector.GroupConfig. It must be that of the group.
	Scope string

	AllDown selector.AllDown // as in selector.GroupConfig; each gateway's own

	// Value returns the payload of a member; nil: the zero value. An error
	// keeps this gateway at the version that it has, and is reported.
	Value func(Member) (T, error)
}

// A Membership is a gateway's part in a group. It applies the changes of the
// group's log, one by one and in order, and makes changes. It is safe for
// concurrent use.
type Membership struct {
	conn       *Conn
	name       string
	configured string // the strategy given, if the group had another one; else empty
	replica    Replica
	discard    func() // of the replica, if the join fails; nil: it is not this one's
	given      bool   // the replica has members that are not the log's, at first

	restart chan struct{}   // asks to read the log anew
	behind  chan struct{}   // has room for one: others have run more than was read
	ctx     context.Context // ends with Close, or with the connection
	stop    context.CancelFunc

	applying sync.Mutex // held while a revision is applied, and observers are told

	mu        sync.Mutex
	state     State
	revision  uint64 // of state
	seen      uint64 // the newest number of the key, which may be no entry
	torn      uint64 // what was left out last, since the last whole state; 0: nothing
	last      entry  // that led to it
	ids       map[string]uint64
	order     []string      // of ids
	advanced  chan struct{} // closed and renewed when revision grows
	version   uint64        // the revision that the group has
	strategy  string        // in force
	past      []applied
	failed    error
	lost      error // of the log
	prepared  uint64
	settled   uint64
	settleAt  time.Time          // not before
	planned   time.Time          // when the last plan came
	unplan    context.CancelFunc // ends the preparation of state.Plan
	own       map[string]bool    // members that this gateway found down
	observers []*observing
	history   bool        // placement depends on the order of changes
	full      []fullEntry // the last entries with a whole state
	trail     [2]uint64   // the last two revisions
	since     int         // entries since the last whole state
	purged    uint64      // what was asked to be removed
}

// A JoinError says why a gateway can't take part in a group.
type JoinError struct {
	Group string
	Err   error
}

func (e *JoinError) Error() string { return fmt.Sprintf("cluster: join group %s: %v", e.Group, e.Err) }
func (e *JoinError) Unwrap() error { return e.Err }

// ErrScope is the error of a scope that is not that of the group.
var ErrScope = errors.New("the group has another scope")

// Join takes part in a group, and returns it as the gateway's workers load it.
// It waits until the group is as the log has it, or ctx ends. Nobody else may
// update the group.
//
// If the group does not exist, it is made, without members. A gateway without
// the permission to write waits until another one makes it.
//
// The error is a [*JoinError]. ctx ends the wait alone: [Membership.Close] ends
// the part in the group, which stays as it is.
func Join[T any](ctx context.Context, c *Conn, d *selector.Domain, g GroupConfig[T]) (
	*Membership, *selector.Group[T], error,
) {
	var made *selector.Group[T]
	create := func(s selector.Strategy) (Replica, error) {
		group, err := selector.NewGroup[T](d, selector.GroupConfig{
			Name: g.Name, Strategy: s, Scope: g.Scope, AllDown: g.AllDown,
		})
		if err != nil {
			return nil, err
		}
		made = group
		return &groupReplica[T]{group: group, value: g.Value}, nil
	}
	m, err := newMembership(ctx, c, g.Name, State{Scope: g.Scope}, g.Strategy, create, func() { made.Close() })
	if err != nil {
		return nil, nil, err
	}
	return m, made, nil
}

// newMembership takes part in a group, whose first state is given but for its
// strategy. It discards what create made if it fails; nil says that the replica
// was there before.
func newMembership(
	ctx context.Context, c *Conn, name string, first State, s selector.Strategy,
	create func(selector.Strategy) (Replica, error), discard func(),
) (*Membership, error) {
	refuse := func(err error) (*Membership, error) { return nil, &JoinError{Group: name, Err: err} }
	if !token.MatchString(name) {
		return refuse(&ConfigError{Field: "Name", Value: name, Reason: tokenReason})
	}
	m := &Membership{
		conn: c, name: name,
		restart: make(chan struct{}, 1), behind: make(chan struct{}, 1), advanced: make(chan struct{}),
		own: map[string]bool{}, ids: map[string]uint64{}, discard: discard, given: discard == nil,
	}
	first.Strategy = selector.Bounded{}.String()
	if s != nil {
		var err error
		if m.configured, err = strategyText(s); err != nil {
			return refuse(err)
		}
		first.Strategy = m.configured
	}
	if s, err := selector.ParseStrategy(first.Strategy); err != nil {
		return refuse(err)
	} else if _, err := create(s); err != nil { // before others get to know it
		return refuse(err)
	}
	if err := first.valid(first); err != nil {
		return refuse(err)
	}
	if err := m.join(ctx, first, create); err != nil {
		return refuse(err)
	}
	return m, nil
}

func (m *Membership) join(ctx context.Context, first State, create func(selector.Strategy) (Replica, error)) error {
	c := m.conn
	if err := m.found(ctx, first); err != nil {
		return err
	}
	m.ctx, m.stop = context.WithCancel(c.ctx)
	loaded := func(err error) error {
		if err != nil {
			m.stop()
		}
		return err
	}
	log := m.read(m.ctx)
	state, entries, err := m.load(ctx, log)
	if err != nil {
		return loaded(err)
	}
	if state.Scope != first.Scope {
		return loaded(fmt.Errorf("%w: %q, and not %q", ErrScope, state.Scope, first.Scope))
	}
	if err := m.begin(entries, create); err != nil {
		if m.replica != nil && m.discard != nil {
			m.discard()
		}
		return loaded(err)
	}
	if m.configured == m.strategy {
		m.configured = "" // what becomes of the strategy later is no difference
	}
	c.mu.Lock()
	if _, ok := c.groups[m.name]; ok || c.ctx.Err() != nil {
		c.mu.Unlock()
		if m.discard != nil {
			m.discard()
		}
		if ok {
			return loaded(errors.New("this gateway is in the group already"))
		}
		return loaded(ErrClosed)
	}
	c.groups[m.name] = m
	c.running.Go(func() { m.run(log) })
	c.mu.Unlock()
	if m.configured != "" {
		c.config.Logger.Warn("cluster: the group has another strategy than this gateway was built with",
			"group", m.name, "strategy", m.strategy, "configured", m.configured)
	}
	c.hurry()
	return nil
}

// found makes the group if it does not exist.
func (m *Membership) found(ctx context.Context, first State) error {
	c, b := m.conn, m.conn.bucket
	e := entry{ID: c.changeID(), By: c.config.Gateway, State: &first}
	data, err := e.encode()
	if err != nil {
		return err
	}
	wait, told := backoff{}, false
	for {
		try, done := context.WithTimeout(ctx, logTry)
		_, err := m.newest(try, 0)
		if errors.Is(err, errNoLog) {
			err = c.permitted(try, b.subject(m.name), func(ctx context.Context) error {
				_, err := b.kv.Create(ctx, m.name, data)
				return err
			})
		}
		done()
		var denied *PermissionError
		switch {
		case err == nil || errors.Is(err, jetstream.ErrKeyExists):
			return nil
		case errors.As(err, &denied) && !told:
			told = true
			c.config.Logger.Warn("cluster: waiting for a gateway that may make the group", "group", m.name)
		}
		if c.ctx.Err() != nil {
			return ErrClosed
		}
		if !wait.sleep(ctx) {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func (m *Membership) report() Report { return m.standing().report }

func (m *Membership) standing() standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := standing{version: m.version, read: m.seen, view: m.replica.View(), past: m.past}
	s.report = Report{
		Version: m.version, Fingerprint: s.view.Fingerprint(), Strategy: m.strategy, Scope: m.state.Scope,
		Prepared: m.prepared,
	}
	if m.configured != "" && m.configured != m.strategy {
		s.report.Configured = m.configured
	}
	if err := m.trouble(); err != nil {
		s.report.Failed = err.Error()
	}
	return s
}

// Conn returns the connection that the group was joined over.
func (m *Membership) Conn() *Conn { return m.conn }

// Name returns the name of the group.
func (m *Membership) Name() string { return m.name }

// Scope returns the name of the group's scope: its own name if it has none.
func (m *Membership) Scope() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Scope == "" {
		return m.name
	}
	return m.state.Scope
}

// View returns the newest view of the group.
func (m *Membership) View() *selector.View { return m.replica.View() }

// State returns the newest state that this gateway knows, and its revision. It
// is the caller's.
func (m *Membership) State() (State, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.clone(), m.revision
}

// Err returns why the group is not at the newest revision: what Value, the group
// or its strategy said of the newest one that this gateway knows, or ErrLogLost.
// It is nil where neither is so.
func (m *Membership) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.trouble()
}

// trouble is Err, with m.mu held.
func (m *Membership) trouble() error {
	if m.lost != nil {
		return m.lost
	}
	return m.failed
}

// Wait waits until the group has the revision or a newer one, or ctx ends. The
// error is that of ctx, or ErrClosed.
func (m *Membership) Wait(ctx context.Context, revision uint64) error {
	for {
		m.mu.Lock()
		done, more := m.revision >= revision, m.advanced
		m.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.ctx.Done():
			return ErrClosed
		case <-more:
		}
	}
}

// SetDown marks a member as down, or up again, as this gateway alone finds it:
// by its health checks, say. It is in force at once. A member is down if this
// gateway found it so, or if it is in the State that all share; do not use
// selector.Group.Mark beside this.
func (m *Membership) SetDown(id string, down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if down {
		m.own[id] = true
	} else {
		delete(m.own, id)
	}
	shared := m.state.Member(id)
	m.replica.Mark(id, down || shared != nil && shared.Down)
}

// Close ends the gateway's part in the group, which stays as it is.
func (m *Membership) Close() {
	m.stop()
	c := m.conn
	c.mu.Lock()
	if c.groups[m.name] == m {
		delete(c.groups, m.name)
	}
	c.mu.Unlock()
	c.hurry()
}

// memberships returns the groups; c.mu is held.
func (c *Conn) memberships() []*Membership {
	list := make([]*Membership, 0, len(c.groups))
	for _, m := range c.groups {
		list = append(list, m)
	}
	return list
}

// changeID returns a name for a change that no other has.
func (c *Conn) changeID() string {
	return fmt.Sprintf("%s-%016x", c.config.Gateway, random())
}

// tell wakes who waits for what gateways say.
func (c *Conn) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.news)
	c.news = make(chan struct{})
}

// logTry is how long one try to reach the log may take.
const logTry = 2 * time.Second
