package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// A Plan is a change that is announced, and not in force.
type Plan struct {
	Revision uint64         // of the announcement
	View     *selector.View // in force: joiners are in it, with weight 0
	Planned  *selector.View // what will be in force
}

// An Observer is told what becomes of a group, in the order of the log. What
// must not block is called while the next change waits.
type Observer interface {
	// Planned is told of a change before it is in force, in a goroutine of its
	// own. The gateway counts as prepared once Planned returns. ctx ends when
	// the change is in force or dropped.
	Planned(ctx context.Context, p Plan)

	// Changed is told of each change when it is in force. It must not block.
	Changed(old, view *selector.View)

	// Settled is told that every live gateway has this version or a newer one,
	// so that View.Previous is gone. It must not block.
	Settled(version uint64)
}

// Observe has o told of what becomes of the group from now on, until stop is
// called, and returns the newest view at that moment. What is being told while
// stop is called still is.
func (m *Membership) Observe(o Observer) (view *selector.View, stop func()) {
	m.applying.Lock()
	defer m.applying.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	own := &observing{o}
	m.observers = append(m.observers, own)
	return m.replica.View(), func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		rest := slices.Clone(m.observers) // who tells them goes through the old list
		m.observers = slices.DeleteFunc(rest, func(o *observing) bool { return o == own })
	}
}

// observing is one call of Observe.
type observing struct{ Observer }

// An Outcome is what became of a planned change.
type Outcome struct {
	Revision uint64   // in force
	Silent   []string // live gateways that did not say in time that they are prepared
}

// UpdatePlanned changes the group as Update does, in two phases, so that no
// flow is placed anew where another gateway knows better: it announces the
// change, waits until every live gateway has shared what the change would get
// wrong, and then makes it. Members that join are listed with weight 0 from the
// announcement on.
//
// It waits for Config.Prepare at most, and names the gateways that were silent;
// a gateway that lost its servers, or that was killed less than three
// heartbeats ago, is one. Any other change of the group drops the
// announcement, and UpdatePlanned then begins again. While another gateway's
// change is announced, it waits for that.
//
// Where ctx ends before the second phase the announcement is withdrawn. A gateway
// that is lost then leaves it, with joiners of weight 0, until the next change of
// the group, or for three times Config.Prepare.
func (m *Membership) UpdatePlanned(ctx context.Context, change func(*State) error) (Outcome, error) {
	for {
		o, err := m.tryPlanned(ctx, change)
		if errors.Is(err, errConflict) {
			continue
		}
		if err != nil {
			return Outcome{}, &UpdateError{m.name, err}
		}
		_ = m.Wait(ctx, o.Revision) // it is made, whether or not it is here in time
		return o, nil
	}
}

func (m *Membership) tryPlanned(ctx context.Context, change func(*State) error) (Outcome, error) {
	state, at := m.State()
	if state.Plan != nil { // somebody's: let it be carried out
		soon, cancel := context.WithTimeout(ctx, m.conn.config.Prepare+time.Second)
		err := m.Wait(soon, at+1)
		cancel()
		if err == nil {
			return Outcome{}, errConflict
		}
		if ctx.Err() != nil {
			return Outcome{}, ctx.Err()
		}
	}
	next := state.clone()
	next.Plan = nil
	if err := change(&next); err != nil {
		return Outcome{}, err
	}
	next.Plan = nil
	bare := state.clone()
	bare.Plan = nil
	if next.equal(bare) {
		return Outcome{Revision: at}, nil
	}
	if err := m.check(state, at, next); err != nil {
		return Outcome{}, err
	}
	announced := bare
	announced.Plan = &Planned{By: m.conn.config.Gateway, Strategy: next.Strategy, Members: next.Members}
	data, id, err := m.encode(at, state, announced)
	if err != nil {
		return Outcome{}, err
	}
	number, err := m.send(ctx, at, data, id)
	if err != nil {
		if errors.Is(err, ErrUnknown) {
			go m.dropUnknown(at, id)
		}
		return Outcome{}, err
	}
	silent, err := m.awaitPlan(ctx, number)
	if err != nil {
		go m.dropPlan(number)
		return Outcome{}, err
	}
	state, at = m.State()
	if at != number {
		return Outcome{}, errConflict
	}
	next = state.clone()
	next.Strategy, next.Members, next.Plan = state.Plan.Strategy, slices.Clone(state.Plan.Members), nil
	planned := at
	if number, err = m.write(ctx, at, state, next); err != nil {
		go m.dropPlan(planned)
	}
	return Outcome{Revision: number, Silent: silent}, err
}

// awaitPlan waits until the announcement is in force here and every live gateway
// is prepared.
func (m *Membership) awaitPlan(ctx context.Context, number uint64) (silent []string, err error) {
	if err := m.Wait(ctx, number); err != nil {
		return nil, err
	}
	return m.awaitPrepared(ctx, number)
}

// dropPlan withdraws an announcement that is not carried out, unless another
// change came.
func (m *Membership) dropPlan(number uint64) {
	ctx, cancel := context.WithTimeout(m.ctx, dropPatience)
	defer cancel()
	if m.Wait(ctx, number) != nil {
		return
	}
	state, at := m.State()
	if at != number || state.Plan == nil {
		return
	}
	next := state.clone()
	next.Plan = nil
	if _, err := m.write(ctx, at, state, next); err != nil && !errors.Is(err, errConflict) {
		m.conn.config.Logger.Warn("cluster: an announced change was not withdrawn", "group", m.name, "revision", number,
			"error", err)
	}
}

// dropUnknown withdraws an announcement that was sent, and that nobody may have
// taken, as soon as it is seen to have been.
func (m *Membership) dropUnknown(at uint64, id string) {
	ctx, cancel := context.WithTimeout(m.ctx, dropPatience)
	defer cancel()
	if m.Wait(ctx, at+1) != nil {
		return
	}
	m.mu.Lock()
	number, made := m.ids[id]
	m.mu.Unlock()
	if made {
		m.dropPlan(number)
	}
}

// dropPatience is how long it is tried to withdraw an announcement.
const dropPatience = time.Minute

// dropOldPlan withdraws an announcement whose gateway is gone.
func (m *Membership) dropOldPlan() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Plan != nil && time.Since(m.planned) > 3*m.conn.config.Prepare {
		m.planned = time.Now() // try again after as long
		go m.dropPlan(m.state.Plan.Revision)
	}
}

// awaitPrepared waits until every live gateway is prepared for the plan, and
// returns the names of those that are not in time.
func (m *Membership) awaitPrepared(ctx context.Context, number uint64) (silent []string, err error) {
	deadline := time.NewTimer(m.conn.config.Prepare)
	defer deadline.Stop()
	for {
		silent, more := m.unprepared(number)
		if len(silent) == 0 {
			return nil, nil
		}
		m.mu.Lock()
		passed, advanced := m.revision > number, m.advanced
		m.mu.Unlock()
		if passed {
			return nil, errConflict
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-m.ctx.Done():
			return nil, ErrClosed
		case <-deadline.C:
			m.conn.config.Logger.Warn("cluster: a planned change goes on without these gateways", "group", m.name,
				"revision", number, "silent", silent)
			return silent, nil
		case <-more:
		case <-advanced:
		}
	}
}

// unprepared returns the gateways that are not prepared, and what is closed
// when that may have changed.
func (m *Membership) unprepared(number uint64) (names []string, more <-chan struct{}) {
	c := m.conn
	m.mu.Lock()
	prepared := m.prepared == number
	m.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !prepared {
		names = append(names, c.config.Gateway)
	}
	for q, r := range c.peers.counted(m.name, time.Now()) {
		if r.Prepared != number {
			names = append(names, q.Name)
		}
	}
	slices.Sort(names)
	return names, c.news
}

// preparePlan has the observers share what the plan of the state would get
// wrong.
func (m *Membership) preparePlan(state State, view *selector.View, observers []*observing) {
	var s selector.Strategy
	var err error
	if state.Plan.Strategy != state.Strategy {
		if s, err = selector.ParseStrategy(state.Plan.Strategy); err != nil {
			return // it is not in force, and the gateway stays unprepared
		}
	}
	planned, err := m.replica.Plan(s, state.Plan.Members)
	if err != nil {
		m.conn.config.Logger.Warn("cluster: a planned change can't be applied here", "group", m.name, "error", err)
		return
	}
	number := state.Plan.Revision
	ctx, cancel := context.WithCancel(m.ctx)
	m.mu.Lock()
	m.unplan = cancel
	m.mu.Unlock()
	go func() {
		var sharing sync.WaitGroup
		for _, o := range observers {
			sharing.Go(func() { o.Planned(ctx, Plan{Revision: number, View: view, Planned: planned}) })
		}
		sharing.Wait()
		if ctx.Err() != nil {
			return
		}
		m.mu.Lock()
		m.prepared = number
		m.mu.Unlock()
		m.conn.hurry()
		m.conn.tell()
	}()
}

// settleAfter is how long a change stays unsettled that nobody was prepared
// for: what the observers share of it is on its way meanwhile, and lost
// messages are asked for again. It ends with the next heartbeat.
const settleAfter = 300 * time.Millisecond

// carriesOut reports whether a state is what was planned, and this gateway is
// prepared for it; m.mu is held.
func (m *Membership) carriesOut(next State) bool {
	p := m.state.Plan
	if p == nil || next.Plan != nil || p.Revision != m.prepared {
		return false
	}
	planned := m.state.clone()
	planned.Strategy, planned.Members, planned.Plan = p.Strategy, p.Members, nil
	return next.equal(planned)
}

// settle ends the time in which gateways may be at different versions.
func (m *Membership) settle(version uint64) {
	m.mu.Lock()
	due := version != 0 && version == m.version && m.settled < version && !time.Now().Before(m.settleAt)
	m.mu.Unlock()
	if !due {
		return
	}
	m.applying.Lock()
	defer m.applying.Unlock()
	m.mu.Lock()
	due = version == m.version && m.settled < version
	if due {
		m.settled = version
	}
	observers := m.observers
	m.mu.Unlock()
	if !due {
		return
	}
	m.replica.Settle(version)
	for _, o := range observers {
		o.Settled(version)
	}
}
