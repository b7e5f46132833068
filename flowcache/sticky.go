package flowcache

import (
	"sync/atomic"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Sticky routes packets over a table. Each worker has one of its own; all of
// them may share the table.
type Sticky struct {
	table *Table

	tick    uint32 // of the last packet
	tickEnd int64  // when it ends; the clock has not been asked yet if this is 0

	pressure pressure
	tally    tally
}

// NewSticky returns a router over the table, for one worker.
func NewSticky(t *Table) *Sticky { return &Sticky{table: t} }

// tickAt remembers the last tick, since a division for each packet would be
// felt.
func (s *Sticky) tickAt(now int64) uint32 {
	length := s.table.clocks.tick
	if left := s.tickEnd - now; left <= 0 || left > length {
		s.tick = s.table.clocks.tickAt(now)
		s.tickEnd = (now/length + 1) * length
	}
	return s.tick
}

// Route routes one packet at time now, in nanoseconds. Each flow whose member
// left is reported as Moved once.
func (s *Sticky) Route(p *Packet, now int64) Route {
	t, tick := s.table, s.tickAt(now)
	tag, home := tagOf(p.Digest), t.home(p.Digest)
	w := t.buckets[home].match(tag)
	if w == 0 {
		w = t.buckets[t.away(tag, home)].match(tag)
	}
	if member, ok := t.hit(p, w, tick); ok {
		return Route{int32(member), Pinned}
	}
	r := s.route(p, tick)
	t.counters.add(&s.tally)
	return r
}

// RouteBatch routes a burst at time now: dst[i] is the route of p[i], as if
// they were routed one after another. It panics if dst is shorter than p. It
// allocates nothing.
func (s *Sticky) RouteBatch(dst []Route, p []Packet, now int64) {
	dst = dst[:len(p):len(dst)]
	tick := s.tickAt(now)
	for len(p) > ahead {
		s.burst(dst[:ahead], p[:ahead], tick)
		dst, p = dst[ahead:], p[ahead:]
	}
	s.burst(dst, p, tick)
	s.table.counters.add(&s.tally)
}

func (s *Sticky) route(p *Packet, now uint32) Route {
	for {
		at, w := s.table.find(p.Digest)
		if r, ok := s.follow(p, at, w, now); ok {
			return r
		}
	}
}

// follow routes a packet whose pin is w, at place at. ok is false if another
// worker changed the pin meanwhile.
func (s *Sticky) follow(p *Packet, at *atomic.Uint64, w word, now uint32) (r Route, ok bool) {
	t := s.table
	if w == 0 || t.clocks.expired(w, now) {
		return s.place(p, at, w, now)
	}
	v := p.View
	i, known := v.BySlot(w.slot())
	switch {
	// the word was loaded before: it may be newer than the view
	case !known && (p.LookupOnly || !v.Latest()):
		return p.selected(Unpinned), true
	case !known && v.InScope(w.slot()):
		return s.repin(p, at, w, now, Rebalanced)
	case !known:
		return s.repin(p, at, w, now, Moved)
	case !v.Alive(i):
		if !p.LookupOnly && w.age(now) > t.clocks.grace[w.state()] {
			return s.repin(p, at, w, now, Moved)
		}
		s.tally[detoured]++
		return p.selected(Detoured), true
	case p.LookupOnly:
		return Route{int32(i), Pinned}, true
	case w.state() == Closing && p.opens():
		return s.repin(p, at, w, now, Placed)
	}
	if t.rebalancing.left.Load() > 0 {
		if r, done, ok := s.rebalance(p, at, w, now, i); done {
			return r, ok
		}
	}
	next := t.refreshed(w, p, now)
	if next != w && !at.CompareAndSwap(uint64(w), uint64(next)) {
		return Route{}, false
	}
	if w.state() == Probation && next.state() != Probation {
		s.tally[promoted]++
	}
	return Route{int32(i), Pinned}, true
}

// selected is the route that the selector gives, for a packet that leaves the
// table as it is.
func (p *Packet) selected(v Verdict) Route {
	m := p.View.Select(p.Hash)
	if m < 0 {
		v = NoMember
	}
	return Route{int32(m), v}
}

// place routes and pins a flow that has no pin, or an expired one, w.
func (s *Sticky) place(p *Packet, at *atomic.Uint64, w word, now uint32) (r Route, ok bool) {
	switch {
	case p.LookupOnly:
		return p.selected(Unpinned), true
	case w != 0:
		return s.repin(p, at, w, now, Placed)
	}
	r = p.selected(Placed)
	if r.Verdict == NoMember {
		return r, true
	}
	slot := s.table.slotFor(p, r)
	if slot == selector.NoSlot {
		r.Verdict = Unpinned
		return r, true
	}
	ok, lost := s.insert(s.table.home(p.Digest), newWord(tagOf(p.Digest), slot, now, Probation), now)
	if !ok {
		r.Verdict = Refused
	}
	return r, !lost
}

// repin selects a member anew for a flow and puts its new pin in the place of
// the old one, w. Without a member the old pin stays, to tell later that the
// flow moved; a member without slot can't be pinned to, and the old pin goes.
func (s *Sticky) repin(p *Packet, at *atomic.Uint64, w word, now uint32, verdict Verdict) (r Route, ok bool) {
	r = p.selected(verdict)
	if r.Verdict == NoMember {
		return r, true
	}
	next := word(0)
	if slot := s.table.slotFor(p, r); slot != selector.NoSlot {
		next = newWord(w.tag(), slot, now, Probation)
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
		if s.table.clocks.expired(w, now) {
			s.tally[reused]++
		}
	}
	return r, true
}

// slotFor returns the slot to pin a flow to. It is NoSlot if the member has
// none, or had one and left since the view was made; and if the flow stays
// there without a pin whoever joins.
func (t *Table) slotFor(p *Packet, r Route) selector.Slot {
	slot := p.View.Slot(int(r.Member))
	if !t.slots.InUse(uint16(slot)) || p.View.Settled(p.Hash, int(r.Member)) {
		return selector.NoSlot
	}
	return slot
}

// unchangedBy reports whether the packet leaves the pin w as it is: w is not on
// probation and not yet to be refreshed, and the packet's flags don't change
// its state. Most packets find it so. The tag of w does not matter.
func (k *clocks) unchangedBy(p *Packet, w word, now uint32) bool {
	return p.Flags&(hash.SYN|hash.FIN|hash.RST) == 0 && w.steps(now) < k.hitAge[w.state()]
}

// hit returns the member of the pin w if w needs no write and its member is
// alive.
func (t *Table) hit(p *Packet, w word, now uint32) (member int, ok bool) {
	if !t.clocks.unchangedBy(p, w, now) {
		return 0, false
	}
	i, known := p.View.BySlot(w.slot())
	return i, known && p.View.Alive(i)
}
