package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// A revision is an entry of the log with its number; the zero one says that
// there is no newer one yet.
type revision struct {
	number uint64
	entry  entry
	err    error // the value is no entry
}

// load reads the log until there is no newer revision.
func (m *Membership) load(ctx context.Context, log <-chan revision) (s State, list []revision, err error) {
	at := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return s, nil, ctx.Err()
		case r, ok := <-log:
			switch {
			case !ok:
				return s, nil, ErrClosed
			case r.number == 0 && at > 0:
				return s, list, nil
			case r.number == 0:
				continue
			case !r.follows(at):
				m.leaveOut(r)
				continue
			}
			next, err := r.entry.apply(s, at, r.number)
			if err != nil {
				continue // older than the first whole state
			}
			if r.entry.State != nil && (at == 0 || at != r.entry.After || next.Strategy != s.Strategy) {
				list = nil // the group begins anew here, whatever came before
			}
			s, at = next, r.number
			list = append(list, r)
		}
	}
}

// begin makes the group of what was loaded. A history-free one is built once,
// of the newest state; another one takes every step.
func (m *Membership) begin(list []revision, create func(selector.Strategy) (Replica, error)) error {
	state, at := State{}, uint64(0)
	for i, r := range list {
		next, err := r.entry.apply(state, at, r.number)
		if err != nil {
			return err
		}
		if m.replica == nil {
			s, err := selector.ParseStrategy(next.Strategy)
			if err != nil {
				return err
			}
			if m.replica, err = create(s); err != nil {
				return err
			}
			m.strategy, m.history = next.Strategy, dependsOnHistory(s)
		}
		state, at = next, r.number
		skip := i+1 < len(list) && !m.history
		m.take(r, next, skip)
	}
	return m.Err()
}

// run applies the log.
func (m *Membership) run(log <-chan revision) {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for open := true; open; {
		var r revision
		select {
		case r, open = <-log:
		case <-look.C:
			m.retry()
			m.dropOldPlan()
			if m.isTorn() {
				go m.rewrite()
			}
		}
		if r.number != 0 {
			m.applyNext(r)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unplan != nil {
		m.unplan()
	}
}

// lookAgain is how often what is not as it should be is tried again.
const lookAgain = 2 * time.Second

func (m *Membership) applyNext(r revision) {
	if !r.follows(m.revision) {
		m.leaveOut(r)
		return
	}
	next, err := r.entry.apply(m.state, m.revision, r.number)
	if err != nil {
		m.conn.config.Logger.Warn("cluster: changes are missing: waiting for a whole state", "group", m.name,
			"error", err)
		return
	}
	m.take(r, next, false)
	m.conn.hurry()
}

// follows reports whether a revision is one of the log, of which revision at was
// applied; 0: none. One that is no entry is not, nor one that begins another log.
func (r *revision) follows(at uint64) bool {
	if r.err == nil && r.entry.State != nil && r.entry.After < at {
		r.err = fmt.Errorf("it follows %d, and %d is known: it begins another log", r.entry.After, at)
	}
	return r.err == nil
}

// leaveOut passes over what somebody else wrote to the group's key, or that they
// deleted it: the log goes on behind it.
func (m *Membership) leaveOut(r revision) {
	m.conn.config.Logger.Error("cluster: a revision of the group is left out", "group", m.name, "revision", r.number,
		"error", r.err)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen, m.torn = r.number, r.number
}

// isTorn reports whether something was left out since the last whole state.
func (m *Membership) isTorn() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.torn != 0
}

// rewrite writes the state once more behind what was left out, which may have
// removed the log that gateways begin with. One of all succeeds.
func (m *Membership) rewrite() {
	ctx, cancel := context.WithTimeout(m.ctx, lookAgain)
	defer cancel()
	state, at := m.State()
	next := state.clone()
	next.Plan = nil
	if _, err := m.write(ctx, at, state, next); err != nil && !errors.Is(err, errConflict) {
		m.conn.config.Logger.Debug("cluster: the state was not written again", "group", m.name, "error", err)
	}
}

// take applies a revision: to the group too, unless skip. Only one goroutine
// calls it.
func (m *Membership) take(r revision, next State, skip bool) {
	m.applying.Lock()
	defer m.applying.Unlock()
	before := m.replica.View()
	var err error
	if !skip {
		err = m.enforce(r, next)
	}
	view := m.replica.View()
	m.mu.Lock()
	jumped := m.revision != r.entry.After
	m.settleAt = time.Time{}
	if len(m.observers) > 0 && !m.carriesOut(next) {
		m.settleAt = time.Now().Add(settleAfter)
	}
	m.state, m.revision, m.last = next, r.number, r.entry
	m.seen = max(m.seen, r.number)
	if r.entry.State != nil && m.torn < r.number {
		m.torn = 0
	}
	m.remember(r)
	m.note(r, jumped)
	m.failed = err
	if err == nil && !skip {
		m.inForce(view)
	}
	if next.Plan != nil && next.Plan.Revision == r.number {
		m.planned = time.Now()
	}
	for _, s := range next.Members {
		m.replica.Mark(s.ID, s.Down || m.own[s.ID])
	}
	if m.unplan != nil {
		m.unplan()
		m.unplan = nil
	}
	close(m.advanced)
	m.advanced = make(chan struct{})
	observers := slices.Clone(m.observers)
	m.mu.Unlock()
	if skip {
		return
	}
	if err != nil {
		m.conn.config.Logger.Error("cluster: a change could not be applied: forwarding on as before", "group", m.name,
			"revision", r.number, "by", r.entry.By, "error", err)
		return
	}
	for _, o := range observers {
		o.Changed(before, view)
	}
	if next.Plan != nil && next.Plan.Revision == r.number {
		m.preparePlan(next, view, observers)
	}
}

// inForce notes that the group has the newest revision; m.mu is held.
func (m *Membership) inForce(view *selector.View) {
	m.failed, m.version = nil, m.revision
	if m.strategy != m.state.Strategy {
		m.strategy = m.state.Strategy
		s, err := selector.ParseStrategy(m.strategy)
		m.history = err != nil || dependsOnHistory(s)
	}
	m.past = append(slices.Clone(m.past[max(0, len(m.past)-maxPast+1):]),
		applied{m.revision, view.Fingerprint(), time.Now()})
}

// retry puts the newest revision in force if something was in the way.
func (m *Membership) retry() {
	m.applying.Lock()
	defer m.applying.Unlock()
	m.mu.Lock()
	failed, r, state := m.failed, revision{number: m.revision, entry: m.last}, m.state
	m.mu.Unlock()
	if failed == nil {
		return
	}
	before := m.replica.View()
	err := m.enforce(r, state)
	view := m.replica.View()
	m.mu.Lock()
	if m.failed = err; err == nil {
		m.inForce(view)
	}
	observers := slices.Clone(m.observers)
	m.mu.Unlock()
	if err != nil {
		return
	}
	m.conn.config.Logger.Info("cluster: a change that could not be applied is in force now", "group", m.name,
		"revision", r.number)
	for _, o := range observers {
		o.Changed(before, view)
	}
	m.conn.hurry()
}

// enforce has the group become the next state.
func (m *Membership) enforce(r revision, next State) error {
	members := next.listed()
	anew := m.anew(r) || m.given && m.version == 0
	if next.Strategy == m.strategy && !anew {
		return m.replica.Update(r.number, members)
	}
	s, err := selector.ParseStrategy(next.Strategy)
	if err != nil {
		return err
	}
	if m.revision == r.entry.After && m.version == m.revision && !anew {
		return m.replica.SetStrategy(r.number, s)
	}
	if err := m.jump(r.number, s, members); err != nil {
		return err
	}
	if m.version == 0 && m.given {
		// What this gateway had before is no view of the group's, and flows that
		// meet no pin must not go by it.
		m.replica.Settle(r.number)
	}
	return nil
}

// anew reports whether the group has to forget its history: changes between its
// state and this whole one are missing, and placement depends on them.
func (m *Membership) anew(r revision) bool {
	return m.version != 0 && r.entry.State != nil && r.entry.After != m.revision && m.history
}

// jump sets a state that does not follow what the group has. Members that are
// given to another strategy first have no history in the one that follows. Two
// revisions at least lie between, as compact leaves two before a whole state.
//
// What the group would refuse is known before the first step, and what a try
// before has done is not done again.
func (m *Membership) jump(version uint64, s selector.Strategy, members []Member) error {
	planned, err := m.replica.Plan(s, members)
	if err != nil {
		return err
	}
	if !dependsOnHistory(s) {
		inForce := m.replica.View()
		if inForce.Version() == version && inForce.Fingerprint() == planned.Fingerprint() {
			return nil
		}
		same, err := m.replica.Plan(nil, members)
		switch {
		case err == nil && same.Fingerprint() == planned.Fingerprint(): // its strategy is in force
		case inForce.Version()+1 == version: // it lacks the last change alone, which is this one
			return m.replica.SetStrategy(version, s)
		default:
			if err := m.replica.SetStrategy(version-1, s); err != nil {
				return err
			}
		}
		return m.replica.Update(version, members)
	}
	if err := m.replica.SetStrategy(version-2, selector.Modulo{}); err != nil {
		return err
	}
	if err := m.replica.Update(version-1, members); err != nil {
		return err
	}
	return m.replica.SetStrategy(version, s)
}

// remember keeps the IDs of the last changes, for writers to find theirs.
func (m *Membership) remember(r revision) {
	m.ids[r.entry.ID] = r.number
	m.order = append(m.order, r.entry.ID)
	if len(m.order) > maxIDs {
		delete(m.ids, m.order[0])
		m.order = m.order[1:]
	}
}

// maxIDs is how many changes a writer may be behind to find its own.
const maxIDs = 4096
