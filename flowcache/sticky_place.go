package flowcache

import (
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/selector"
)

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
