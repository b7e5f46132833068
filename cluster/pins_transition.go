package cluster

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	// collectEvery is how often placed flows are collected from the workers.
	collectEvery = time.Millisecond

	// graceAfter is how long a transition lasts after the last gateway has the
	// change: what it placed by the view before is on its way.
	graceAfter = 300 * time.Millisecond

	// lateAfter is how long after a planned change a scan begins for what was
	// promoted since it was planned.
	lateAfter = 100 * time.Millisecond

	// sentPlaced is how many messages about placed flows a gateway keeps, for
	// those that did not get them.
	sentPlaced = 64
)

// A transition is the time in which gateways have different views of a group,
// or will have soon: flows that are placed meanwhile where the views differ are
// sent at once.
type transition struct {
	plan     uint64         // the revision that is prepared; 0: none
	planned  *selector.View // the view that it will bring
	planAt   time.Duration
	sentPlan uint64 // the last plan that was scanned for, to the end
	sentScan uint64 // by this scan

	unsettled uint64        // the version that not all gateways have; 0: none
	until     time.Duration // when it is over, if nothing else keeps it open

	messages uint64 // about placed flows, so far
	sent     [sentPlaced]placedMessage
}

// A placedMessage is what was sent about placed flows.
type placedMessage struct {
	number uint64
	at     time.Duration
	view   *selector.View
	pins   []flowcache.Pin
}

func (t *transition) open() bool { return t.plan != 0 || t.unsettled != 0 || t.until != 0 }

// prepare is called with a change that is planned.
func (s *sharer) prepare(g *shared, plan uint64, planned *selector.View, at instant) {
	t := &g.transition
	t.plan, t.planned, t.planAt = plan, planned, at.now
	n := &scan{kind: scanOfPlan, plan: plan, states: s.wantedStates()}
	n.spec = flowcache.Scan{Planned: planned, Seen: true}
	if g.mode == ShareAll {
		n.states, n.spec = s.sharedStates(), flowcache.Scan{All: true, Seen: true}
	}
	g.request(n)
	s.openRings()
}

// changed is called when a change is in force here.
func (s *sharer) changed(g *shared, old, view *selector.View, at instant) {
	t := &g.transition
	prepared := t.plan != 0 && t.sentPlan == t.plan && t.planned.Fingerprint() == view.Fingerprint()
	since := at.now
	if prepared {
		since = t.planAt
	}
	t.plan, t.planned = 0, nil
	if g.mode != ShareAll {
		// The scans of the change before would find again what this one shares.
		g.young = g.young[:0]
		young := func(after, age time.Duration, states uint16) {
			g.young = append(g.young, youngScan{at.now + after, age + 2*s.tick(), states})
		}
		switch {
		case prepared:
			// What deviates is sent, and one by one what was placed since. Flows
			// other than TCP may have been promoted late: that has time until the
			// change is in force elsewhere.
			young(lateAfter, at.now-since+lateAfter, s.sharedStates()&^(1<<flowcache.EstablishedTCP))
		case !sameChoice(old, view):
			g.request(&scan{kind: scanOfChange, states: s.wantedStates(),
				spec: flowcache.Scan{Since: old, Seen: true}})
		}
		half := s.table.Config().Probation / 2
		young(half, at.now-since+half, s.youngStates())
		young(2*half, half, s.youngStates())
	}
	if view.Previous() != nil {
		t.unsettled = view.Version()
	}
	t.until = at.now + graceAfter
	s.openRings()
	s.applyHeld(g, at)
}

// sameChoice reports whether a change makes no pin deviate, as one does that
// lists members of weight 0 that will join. It is false if that can't be seen.
func sameChoice(old, view *selector.View) bool {
	a, ok := old.Selector().(selector.Tabled)
	b, also := view.Selector().(selector.Tabled)
	if !ok || !also || a.Slots() != b.Slots() || old.Len() > view.Len() {
		return false
	}
	for i := range int32(old.Len()) {
		if old.Slot(i) != view.Slot(i) {
			return false
		}
	}
	for slot := range a.Slots() {
		if a.Owner(slot) != b.Owner(slot) {
			return false
		}
	}
	return true
}

// settled is called when every gateway has this version or a newer one.
func (s *sharer) settled(g *shared, version uint64, at instant) {
	if t := &g.transition; t.unsettled != 0 && version >= t.unsettled {
		t.unsettled, t.until = 0, at.now+graceAfter
	}
}

// dropPlan is called when a plan will not be carried out, or nobody waits for
// its pins any more.
func (s *sharer) dropPlan(g *shared, plan uint64) {
	s.waiting = slices.DeleteFunc(s.waiting, func(w preparation) bool { return w.group == g && w.plan == plan })
	if t := &g.transition; t.plan == plan {
		t.plan, t.planned = 0, nil
		s.openRings()
	}
}

// openRings tells the workers whether to tell of placed flows.
func (s *sharer) openRings() {
	open := slices.ContainsFunc(s.groups, func(g *shared) bool { return g.transition.open() })
	for _, w := range s.workers() {
		w.open.Store(open)
	}
}

// collectPlaced sends the flows that workers placed where views differ.
func (s *sharer) collectPlaced(at instant) {
	closed := false
	for _, g := range s.groups {
		t := &g.transition
		if t.until != 0 && at.now >= t.until {
			t.until, closed = 0, true
		}
	}
	for _, w := range s.workers() {
		for {
			f, ok := w.next()
			if !ok {
				break
			}
			s.placed(&f, at)
		}
		s.counters.count(droppedPlaced, int(w.dropped.Swap(0)))
	}
	for _, g := range s.groups {
		if t := &g.transition; len(t.collected()) > 0 {
			s.sendPlaced(g, at)
		}
	}
	if closed {
		s.openRings()
	}
}

// collected is what the next message is about.
func (t *transition) collected() []flowcache.Pin {
	return t.sent[(t.messages+1)%sentPlaced].fresh()
}

func (m *placedMessage) fresh() []flowcache.Pin {
	if m.number != 0 {
		return nil
	}
	return m.pins
}

// placed adds a flow to what is sent about its groups, where views differ on
// it, or others have a pin of the connection before.
func (s *sharer) placed(f *placedFlow, at instant) {
	for _, g := range s.groups {
		t := &g.transition
		v := g.view()
		if !t.open() && !f.anew || v.Salt() != f.salt {
			continue
		}
		differs := g.mode == ShareAll || f.anew
		for _, o := range [...]*selector.View{v, v.Previous(), t.planned} {
			if o == nil || differs {
				continue
			}
			m := o.Unmarked(f.digest ^ f.salt)
			differs = m < 0 || o.Slot(m) != f.slot
		}
		if !differs {
			continue
		}
		m := &t.sent[(t.messages+1)%sentPlaced]
		if m.number != 0 {
			*m = placedMessage{pins: m.pins[:0]}
		}
		p := flowcache.Pin{Key: s.table.KeyOf(f.digest), Slot: f.slot, State: flowcache.Probation}
		if f.adopted {
			p.State = flowcache.Adopted
		}
		if g.mode == ShareAll || s.memory.isNews(&p, false, at.now) {
			m.pins = append(m.pins, p)
		}
	}
}

// sendPlaced sends what was collected.
func (s *sharer) sendPlaced(g *shared, at instant) {
	t := &g.transition
	t.messages++
	m := &t.sent[t.messages%sentPlaced]
	m.number, m.at, m.view = t.messages, at.now, g.view()
	slices.SortFunc(m.pins, func(a, b flowcache.Pin) int { return cmp.Compare(a.Key.Bucket(), b.Key.Bucket()) })
	s.sendPlacedTo(g, m, "", at)
}

// sendPlacedTo sends a message about placed flows, to one gateway or to all.
func (s *sharer) sendPlacedTo(g *shared, m *placedMessage, receiver string, at instant) {
	b := s.newBatch()
	for _, p := range m.pins {
		p.Age = at.now - m.at
		b.add(p, m.view)
	}
	s.counters.count(sentPins, b.count)
	subject := s.names.toAll(g.token)
	if receiver != "" {
		s.counters.count(sentAgain, b.count)
		subject = s.names.toOne(g.token, receiver)
	}
	to := s.begin(g, kindPlaced, receiver, span{g.lastScan, g.complete, g.complete}, m.number, at)
	s.finish(subject, b.appendTo(to))
	s.free = append(s.free, b)
}

// A preparation waits until the pins that a plan asks for are here and there.
type preparation struct {
	group *shared
	plan  uint64
	done  func()
}

// silentAfter is how long nothing comes from a gateway until it counts as one
// that shares no pins: three beats.
const silentAfter = 3 * longBeat

// missing names the gateways whose pins for a plan are not all here, this one's
// own name while they are not all sent. One that shares no pins is not waited
// for, unless it is in the group since just now and may be about to.
func (s *sharer) missing(g *shared, plan uint64, at instant) (names []string) {
	if g.transition.sentPlan < plan {
		names = append(names, s.names.gateway)
	}
	s.noteMembers(g, at)
	for name, since := range g.members {
		p := s.peers[name]
		shares := p != nil && p.groups[g.name] != nil && at.now-p.heard <= silentAfter
		switch {
		case !shares && at.now-since > silentAfter:
		case !shares || !p.groups[g.name].prepared(plan, !s.denied(s.names.ask(name))):
			names = append(names, name)
		}
	}
	return names
}

// noteMembers notes since when gateways are in a group.
func (s *sharer) noteMembers(g *shared, at instant) {
	names := s.expected(g.name)
	maps.DeleteFunc(g.members, func(name string, _ time.Duration) bool { return !slices.Contains(names, name) })
	for _, name := range names {
		if _, is := g.members[name]; !is {
			g.members[name] = at.now
		}
	}
}

// reportPrepared tells those who wait for preparations that are complete.
func (s *sharer) reportPrepared(at instant) {
	s.waiting = slices.DeleteFunc(s.waiting, func(w preparation) bool {
		if len(s.missing(w.group, w.plan, at)) > 0 {
			return false
		}
		w.done()
		return true
	})
}
