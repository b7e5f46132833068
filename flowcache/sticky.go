package flowcache

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// Sticky routes packets over a table. Each worker has one of its own; all of
// them may share the table.
type Sticky struct {
	table *Table

	now     moment        // of the last packet
	tickEnd time.Duration // when that tick ends
	tick    int64
	time    time.Duration

	assigned int32 // the member that Assign has chosen, -1 outside of it
	pressure pressure
	tally    tally

	// Of the burst at hand: what match finds, and buckets that are on their
	// way. On the stack they would be cleared each time.
	found   [wide]uint64
	buckets [wide]*bucket
}

// NewSticky returns a router over the table, for one worker.
func NewSticky(t *Table) *Sticky { return &Sticky{table: t, tickEnd: math.MinInt64, assigned: -1} }

// at sets the clock. It remembers the last tick, since a division for each
// packet would be felt.
func (s *Sticky) at(now time.Duration) {
	s.time = now
	if !s.inTick(now) {
		s.advance(now)
	}
}

// inTick reports whether now is in the tick of the last packet.
func (s *Sticky) inTick(now time.Duration) bool {
	return uint64(s.tickEnd-1-now) < uint64(s.table.clocks.tick)
}

func (s *Sticky) advance(now time.Duration) {
	k := &s.table.clocks
	s.tick = k.tickAt(now)
	s.tickEnd = time.Duration(s.tick+1) * k.tick
	s.now = k.moment(s.tick)
	s.table.note(s.tick)
}

// Route routes one packet of the group with view v at time now, which is
// counted from any moment, by a clock that does not run backwards. Packet.Ref
// is not looked at. Each flow whose member left is reported as Moved once.
func (s *Sticky) Route(p Packet, v *selector.View, now time.Duration) Route {
	// Nothing is called before a bucket is asked for: what lives across a call
	// would come from memory after it.
	t := s.table
	if s.inTick(now) && p.Mode != Skip && v.Domain() == t.config.Domain {
		tag, home := tagOf(p.Digest), t.home(p.Digest)
		w := t.buckets[home].match(tag)
		if w == 0 {
			w = t.buckets[t.away(tag, home)].match(tag)
		}
		if member, ok := s.hit(p.Flags, v, w); ok {
			return Route{member, Pinned}
		}
	}
	return s.routeAlone(p, v, now)
}

// routeAlone is Route for a packet that is no hit. It takes a copy, so that one
// that is a hit stays in registers.
func (s *Sticky) routeAlone(p Packet, v *selector.View, now time.Duration) Route {
	s.at(now)
	if p.Mode == Skip {
		return Route{-1, NoMember}
	}
	r := s.route(&p, v)
	s.table.counters.add(&s.tally)
	return r
}

// RouteBatch routes a burst at time now: dst[i] is the route of p[i], a packet
// of the group with view views[p[i].Ref], as if they were routed one after
// another. The views are loaded once a burst. A packet whose view is of another
// domain than the table is routed by the view alone, and counted.
//
// It panics if dst is shorter than p. It allocates nothing.
func (s *Sticky) RouteBatch(dst []Route, p []Packet, views []*selector.View, now time.Duration) {
	dst = dst[:len(p):len(dst)]
	s.at(now)
	if s.foreign(views) {
		for i := range p {
			dst[i] = s.routeOne(&p[i], views)
		}
		p = nil
	}
	for len(p) > wide {
		s.burst(dst[:wide], p[:wide], views)
		dst, p = dst[wide:], p[wide:]
	}
	if len(p) > 0 {
		s.burst(dst, p, views)
	}
	s.table.counters.add(&s.tally)
}

// foreign reports whether a view is of another domain than the table.
func (s *Sticky) foreign(views []*selector.View) bool {
	domain := s.table.config.Domain
	for _, v := range views {
		if v.Domain() != domain {
			return true
		}
	}
	return false
}

// routeOne routes a packet of a burst by itself.
func (s *Sticky) routeOne(p *Packet, views []*selector.View) Route {
	if p.Mode == Skip {
		return Route{-1, NoMember}
	}
	return s.route(p, views[p.Ref])
}

// route routes a packet without a look at what most packets are.
func (s *Sticky) route(p *Packet, v *selector.View) Route {
	if v.Domain() != s.table.config.Domain {
		s.tally[foreign]++
		return p.selected(v, Unpinned)
	}
	for {
		at, w := s.table.find(p.Digest)
		if r, ok := s.follow(p, v, at, w); ok {
			return r
		}
	}
}

// follow routes a packet whose pin is w, at place at. ok is false if another
// worker changed the pin meanwhile.
func (s *Sticky) follow(p *Packet, v *selector.View, at *atomic.Uint64, w word) (r Route, ok bool) {
	t := s.table
	if w == 0 || s.expired(w) {
		return s.place(p, v, at, w)
	}
	member, known := v.BySlot(w.slot())
	if !known {
		return s.followUnknown(p, v, at, w)
	}
	if f := t.releases.Load().of(v.Salt(), w.slot()); f != nil {
		if r, done, ok := s.release(f, p, v, at, w, member); done {
			return r, ok
		}
	}
	alive := v.Usable(member)
	if p.Mode == LookupOnly {
		if !alive {
			s.tally[detoured]++
			return p.selected(v, Detoured), true
		}
		return Route{member, Pinned}, true
	}
	step := life.Next(life.State(w.state()), s.event(p, w), alive && v.TakesNew(member))
	if step == life.Renew {
		if r, ok := s.repin(p, v, at, w, Placed); r.Verdict != NoMember || !alive {
			return r, ok
		}
		step = life.Keep // nobody else can take the flow
	}
	if !alive {
		if t.clocks.age(w, &s.now) > t.clocks.grace[w.state()] {
			return s.repin(p, v, at, w, Moved)
		}
		s.tally[detoured]++
		return p.selected(v, Detoured), true
	}
	next := s.after(p, w, step)
	if t.rebalancing.left.Load() > 0 {
		if r, done, ok := s.rebalance(p, v, at, w, next, member); done {
			return r, ok
		}
	}
	if next != w && !at.CompareAndSwap(uint64(w), uint64(next)) {
		return Route{}, false
	}
	s.promote(w, next)
	return Route{member, Pinned}, true
}

// followUnknown is follow for a pin whose member is not in the view. The word
// was loaded before: it may be newer than the view.
func (s *Sticky) followUnknown(p *Packet, v *selector.View, at *atomic.Uint64, w word) (r Route, ok bool) {
	switch {
	case p.Mode == LookupOnly || !v.Latest():
		return p.selected(v, Unpinned), true
	case v.InScope(w.slot()):
		return s.repin(p, v, at, w, Rebalanced)
	case s.table.awaits(w.slot(), s.tick):
		s.tally[detoured]++
		return p.selected(v, Detoured), true
	}
	return s.repin(p, v, at, w, Moved)
}

// hit returns the member of the pin w, if a packet with these flags leaves w as
// it is, and its member is alive. Most packets find it so: w is not on
// probation and not yet to be refreshed, and the flags don't change its state.
// The tag of w does not matter.
func (s *Sticky) hit(flags hash.TCPFlags, v *selector.View, w word) (member int32, ok bool) {
	t := s.table
	if flags&(hash.SYN|hash.FIN|hash.RST) != 0 || w.steps(&s.now) >= t.clocks.hitAge[w&stateMask] ||
		t.releases.Load().has(w.slot()) {
		return 0, false
	}
	i := int32(-1)
	if index := v.SlotIndex(slots.Insider{}); len(index.Dense) == 0 {
		i = index.Find(uint32(w.slot()))
	} else if at := uint(uint32(w.slot()) - index.First); at < uint(len(index.Dense)) { // as Find, inline
		i = int32(index.Dense[at]) - 1
	}
	return i, i >= 0 && v.Alive(i)
}

// event returns what a packet is to the pin w.
func (s *Sticky) event(p *Packet, w word) life.Event {
	k := &s.table.clocks
	return life.EventOf(p.Flags, p.Flags == 0 && w.state() <= Adopted && k.age(w, &s.now) > k.late[w.state()])
}

// after returns the pin w after a step that keeps its member.
func (s *Sticky) after(p *Packet, w word, step life.Step) word {
	state := w.state()
	switch step {
	case life.Refresh:
		if s.table.clocks.age(w, &s.now) < s.table.clocks.refresh[state] {
			return w
		}
	case life.Establish:
		state = s.table.established(p.Class)
	case life.Close:
		state = Closing
	default:
		return w
	}
	return newWord(w.tag(), w.slot(), &s.now, state)
}

// promote counts a pin that left probation.
func (s *Sticky) promote(w, next word) {
	if w.state() <= Adopted && next.state() > Adopted {
		s.tally[promoted]++
	}
}

// established returns the state of an established flow of the class.
func (t *Table) established(c Class) State {
	if int(c) < int(FirstClass)+len(t.config.Classes) {
		return c.state()
	}
	return Established
}

// firstState returns the state of a new flow's pin.
func (t *Table) firstState(p *Packet) State {
	if i := int(p.Class) - int(FirstClass); i >= 0 && i < len(t.config.Classes) && t.config.Classes[i].Sure {
		return p.Class.state()
	}
	return State(life.First(life.EventOf(p.Flags, false)))
}

// selected is the route that the selector gives, for a packet that leaves the
// table as it is.
func (p *Packet) selected(v *selector.View, verdict Verdict) Route {
	m := v.Select(p.Digest ^ v.Salt())
	if m < 0 {
		verdict = NoMember
	}
	return Route{m, verdict}
}

// chosen is the route of a flow that is pinned anew.
func (s *Sticky) chosen(p *Packet, v *selector.View, verdict Verdict) Route {
	if s.assigned >= 0 {
		return Route{s.assigned, verdict}
	}
	if verdict == Placed {
		if member, ok := p.older(v); ok {
			return Route{member, verdict}
		}
	}
	return p.selected(v, verdict)
}

// Assign routes a packet as Route does, but a flow that has no live pin is
// pinned to the given member of the view, and not to the selector's: for
// placers that look at the members' load. It panics if there is no such member.
//
// Marks and weights of the given member are not looked at: choose one that is
// usable and not drained. One that is down is assigned as any other, and the
// flow is Detoured from its next packet on. A packet of a flow with a pin goes
// as Route says; the member does not matter then, unless the flow moves. Where
// the choice takes long, first Route the packet with Mode LookupOnly: if it is
// Pinned, Route it as it was, and else choose and Assign.
func (s *Sticky) Assign(p Packet, v *selector.View, member int32, now time.Duration) Route {
	_ = v.Member(member)
	s.assigned = member
	r := s.Route(p, v, now)
	s.assigned = -1
	return r
}

// place routes and pins a flow that has no pin, or an expired one, w.
func (s *Sticky) place(p *Packet, v *selector.View, at *atomic.Uint64, w word) (r Route, ok bool) {
	switch {
	case p.Mode == LookupOnly:
		return p.unpinned(v), true
	case w != 0:
		return s.repin(p, v, at, w, Placed)
	}
	r = s.chosen(p, v, Placed)
	if r.Verdict == NoMember {
		return r, true
	}
	slot := s.table.slotFor(p, v, r.Member)
	if slot == selector.NoSlot {
		r.Verdict = Unpinned
		return r, true
	}
	next := newWord(tagOf(p.Digest), slot, &s.now, s.table.firstState(p))
	ok, lost := s.insert(s.table.home(p.Digest), next)
	if !ok {
		r.Verdict = Refused
	}
	return r, !lost
}

// repin selects a member anew for a flow and puts its new pin in the place of
// the old one, w. Without a member the old pin stays, to tell later that the
// flow moved; a member without slot can't be pinned to, and the old pin goes.
func (s *Sticky) repin(p *Packet, v *selector.View, at *atomic.Uint64, w word, verdict Verdict) (r Route, ok bool) {
	r = s.chosen(p, v, verdict)
	if r.Verdict == NoMember {
		return r, true
	}
	next := word(0)
	if slot := s.table.slotFor(p, v, r.Member); slot != selector.NoSlot {
		next = newWord(w.tag(), slot, &s.now, s.table.firstState(p))
	} else if verdict == Placed {
		r.Verdict = Unpinned
	}
	if !at.CompareAndSwap(uint64(w), uint64(next)) {
		return Route{}, false
	}
	switch {
	case verdict == Moved:
		s.tally[moved]++
	case verdict == Rebalanced:
		s.tally[rebalanced]++
	case next != 0:
		s.tally[inserted]++
		if s.table.clocks.expired(w, &s.now) {
			s.tally[reused]++
		}
	}
	return r, true
}

// slotFor returns the slot to pin a flow to. It is NoSlot if the member has
// none, or had one and left since the view was made; and if the flow stays
// there without a pin whoever joins.
func (t *Table) slotFor(p *Packet, v *selector.View, member int32) selector.Slot {
	slot := v.Slot(member)
	if !t.slots.InUse(uint16(slot)) || v.Settled(p.Digest^v.Salt(), member) {
		return selector.NoSlot
	}
	return slot
}
