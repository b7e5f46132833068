package flowcache

import (
	"sync/atomic"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

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
	if f := t.releases.Load().of(v, w.slot()); f != nil {
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
