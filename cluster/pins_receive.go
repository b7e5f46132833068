package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	// forgetPinsAfter is how long nothing comes from a gateway before it is
	// forgotten: longer than any message stays fresh.
	forgetPinsAfter = 5 * time.Minute
	maxSkew         = forgetPinsAfter / 2
)

// A pinsPeer is what is known of another gateway.
type pinsPeer struct {
	name    string
	started int64
	heard   time.Duration
	groups  map[string]*peerGroup
}

// A peerGroup is what is known of another gateway and one group.
type peerGroup struct {
	toAll, toUs window
	cover       coverage
	version     uint64
	plan        uint64 // the last plan that it scanned for
	planScan    uint64
	placed      uint64 // messages about placed flows, so far
	lost        []lostPlaced
}

// prepared reports whether the pins that a plan asks for came from there: all
// that will come, for who may not ask for what got lost.
func (p *peerGroup) prepared(plan uint64, mayAsk bool) bool {
	return p.plan >= plan && (p.cover.covered(p.planScan) || !mayAsk && p.cover.ended(p.planScan))
}

// receive takes a message. The error is a *PinsError, and nothing is changed
// then.
func (s *sharer) receive(subject string, data []byte, at instant) error {
	kind, scope, sender, receiver, ok := s.names.parties(subject)
	if sender == s.names.gateway {
		return nil // our own
	}
	m := &s.message
	refuse := func(err error) error {
		s.counters.count(refusedFor(err), 1)
		return &PinsError{Gateway: sender, Group: m.group, Sequence: m.sequence, Err: err}
	}
	body, err := m.open(data, s.signer)
	switch {
	case err != nil:
		return refuse(err)
	case !ok, m.sender != sender, m.receiver != receiver, kind == "pins" && scopeToken(m.scope) != scope,
		(kind == "ask") != (m.kind == kindAsk), receiver != "" && receiver != s.names.gateway:
		return refuse(fmt.Errorf("%w: sent on %s", ErrForged, subject))
	}
	if err := s.agreed.differs(sender, &m.agreed); err != nil {
		return refuse(err)
	}
	g := s.group(m.group)
	if g == nil || g.scope != m.scope {
		s.counters.count(foreignGroups, 1)
		return nil
	}
	if err := s.stale(m, at); err != nil {
		return refuse(err)
	}
	of := s.known(m)
	if of != nil && !of.window(m).fresh(m.sequence) || m.sequence == 0 {
		return refuse(ErrReplayed)
	}
	if err := m.parse(body, s.table); err != nil {
		return refuse(err)
	}
	if of == nil {
		of = s.meet(m, at)
	}
	of.window(m).mark(m.sequence)
	s.peers[m.sender].heard = at.now
	s.counters.count(receivedMessages, 1)
	s.take(g, of, m, at)
	return nil
}

// stale says why a message is too old.
func (s *sharer) stale(m *pinsMessage, at instant) error {
	age := time.Duration(at.wall - m.sent)
	if age > s.skew || age < -s.skew {
		return fmt.Errorf("%w: sent %v ago by the clock here, and %v is allowed: are the clocks set?", ErrStale,
			age.Round(time.Millisecond), s.skew)
	}
	if p := s.peers[m.sender]; p != nil && m.started < p.started {
		return fmt.Errorf("%w: from before that gateway was restarted", ErrStale)
	}
	return nil
}

// known returns what is known of the sender since it was started, nil if that
// is nothing.
func (s *sharer) known(m *pinsMessage) *peerGroup {
	if p := s.peers[m.sender]; p != nil && p.started == m.started {
		return p.groups[m.group]
	}
	return nil
}

func (p *peerGroup) window(m *pinsMessage) *window {
	if m.receiver == "" {
		return &p.toAll
	}
	return &p.toUs
}

// meet begins with a gateway that was not heard of before, or was restarted, or
// has a group now. All that deviates is asked of whom nobody is older than: who
// was started together with this one has nothing yet, and does not say so. The
// others have what is seen there.
func (s *sharer) meet(m *pinsMessage, at instant) *peerGroup {
	p := s.peers[m.sender]
	if p == nil || p.started != m.started {
		p = &pinsPeer{name: m.sender, started: m.started, groups: make(map[string]*peerGroup)}
		s.peers[m.sender] = p
		s.order = slices.DeleteFunc(s.order, func(o *pinsPeer) bool { return o.name == p.name })
		s.order = append(s.order, p)
		slices.SortFunc(s.order, func(a, b *pinsPeer) int { return cmp.Compare(a.name, b.name) })
	}
	oldest := !slices.ContainsFunc(s.order, func(o *pinsPeer) bool {
		return o.groups[m.group] != nil && o.started < m.started
	})
	of := &peerGroup{cover: coverage{buckets: uint32(s.agreed.layout.Buckets)}, placed: m.placed}
	scan, to := m.scan, m.to
	if m.kind == kindPins && m.receiver != "" {
		scan, to = 0, 0 // what was asked for tells nothing of the scans
	}
	of.cover.begin(scan, to, oldest, at.now)
	p.groups[m.group] = of
	return of
}

// take does what a message says, which is verified.
func (s *sharer) take(g *shared, of *peerGroup, m *pinsMessage, at instant) {
	of.version = max(of.version, m.version)
	if m.kind == kindPins || m.kind == kindPlaced {
		s.apply(g, m, at)
	}
	if m.kind == kindAsk {
		s.answerAsk(g, m, at)
	}
	if m.plan >= of.plan {
		of.plan, of.planScan = m.plan, m.planScan
	}
	of.notePlaced(m, at.now)
	switch {
	case m.kind == kindPins:
		of.cover.took(span{m.scan, m.from, m.to}, at.now)
	case m.receiver == "":
		of.cover.reached(m.scan, m.to, at.now)
	}
}

// notePlaced finds out which messages about placed flows did not come.
func (p *peerGroup) notePlaced(m *pinsMessage, now time.Duration) {
	if m.kind == kindPlaced {
		p.lost = slices.DeleteFunc(p.lost, func(l lostPlaced) bool { return l.number == m.placed })
	}
	if m.receiver != "" || m.placed <= p.placed {
		return
	}
	for n := max(p.placed+1, m.placed-min(m.placed, sentPlaced-1)); n-1 < m.placed; n++ {
		if m.kind != kindPlaced || n != m.placed {
			p.lost = append(p.lost, lostPlaced{n, retryFrom(now)})
		}
	}
	p.placed = m.placed
	if more := len(p.lost) - sentPlaced; more > 0 {
		p.lost = slices.Delete(p.lost, 0, more)
	}
}

// answerAsk sends again what somebody asks for.
func (s *sharer) answerAsk(g *shared, m *pinsMessage, at instant) {
	for _, c := range m.spans {
		s.answer(g, m.sender, c, at)
	}
	for _, n := range m.lost {
		if was := &g.transition.sent[n%sentPlaced]; was.number == n && n != 0 {
			s.sendPlacedTo(g, was, m.sender, at)
		}
	}
}

// expirePeers forgets gateways that are gone.
func (s *sharer) expirePeers(at instant) {
	s.order = slices.DeleteFunc(s.order, func(p *pinsPeer) bool {
		gone := at.now-p.heard > forgetPinsAfter
		if gone {
			delete(s.peers, p.name)
		}
		return gone
	})
}
