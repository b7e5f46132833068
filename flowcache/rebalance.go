package flowcache

import (
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// rebalancing is what Rebalance has allowed.
type rebalancing struct {
	left atomic.Int64 // moves; below 0 after workers have raced for the last
	idle atomic.Int64 // a duration, at least a tick
}

// Rebalance allows up to moves pinned flows to follow their group's selector: a
// flow moves when its next packet comes at least idle after the one before, and
// at least a tick. So a member that joined fills up with old flows too, and one
// that is drained empties, and no flow is cut off in the middle of a burst.
// Their verdict is [Rebalanced].
//
// Call it once a second to move so many flows a second; what was left of the
// last call is forfeit. To move idle flows first, begin with a long silence and
// shorten it. Only next hops that need not have seen a flow's beginning can be
// rebalanced: uplinks and stateless proxies, not servers. Flows that are never
// silent for a tick stay where they are.
func (t *Table) Rebalance(moves int, idle time.Duration) {
	t.rebalancing.idle.Store(int64(max(idle, t.config.Tick)))
	t.rebalancing.left.Store(int64(moves))
}

// rebalance routes a packet of a pinned flow to the member that the selector
// says, and moves its pin, if Rebalance allows it. next is the pin if the flow
// stays with its member. done is false if it does; ok is false if another
// worker changed the pin meanwhile.
func (s *Sticky) rebalance(p *Packet, v *selector.View, at *atomic.Uint64, w, next word, member int32) (r Route, done,
	ok bool) {
	t := s.table
	if s.silence(w) < time.Duration(t.rebalancing.idle.Load()) {
		return Route{}, false, true
	}
	r = p.selected(v, Rebalanced)
	if r.Member < 0 || r.Member == member || !t.slots.InUse(uint16(v.Slot(r.Member))) {
		return Route{}, false, true
	}
	if t.rebalancing.left.Add(-1) < 0 {
		return Route{}, false, true
	}
	if slot := t.slotFor(p, v, r.Member); slot != selector.NoSlot {
		next = newWord(w.tag(), slot, &s.now, next.state())
	} else {
		next = 0
	}
	if !at.CompareAndSwap(uint64(w), uint64(next)) {
		t.rebalancing.left.Add(1)
		return Route{}, true, false
	}
	s.tally[rebalanced]++
	s.promote(w, next)
	return r, true, true
}
