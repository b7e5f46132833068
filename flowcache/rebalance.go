package flowcache

import (
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// rebalancing is what Rebalance has allowed.
type rebalancing struct {
	left atomic.Int64  // moves; below 0 after workers have raced for the last
	idle atomic.Uint32 // in ticks, at least 1
}

// Rebalance allows up to moves pinned flows to follow their group's selector: a
// flow moves when its next packet comes at least idle after the one before, and
// at least a tick. So a member that joined fills up with old flows too, and one
// that is drained empties, and no flow is cut off in the middle of a burst. Their verdict is [Rebalanced].
//
// Call it once a second to move so many flows a second; what was left of the
// last call is forfeit. To move idle flows first, begin with a long silence and
// shorten it. Only next hops that need not have seen a flow's beginning can be
// rebalanced: uplinks and stateless proxies, not servers. Flows that are never
// silent for a tick stay where they are.
func (t *Table) Rebalance(moves int, idle time.Duration) {
	ticks := t.config.ticks(min(max(idle, t.config.Tick), maxTicks*t.config.Tick))
	t.rebalancing.idle.Store(uint32(ticks))
	t.rebalancing.left.Store(int64(moves))
}

// rebalance routes a packet of a pinned flow to the member that the selector
// says, and moves its pin, if Rebalance allows it. done is false if the flow
// stays with member i; ok is false if another worker changed the pin meanwhile.
func (s *Sticky) rebalance(p *Packet, at *atomic.Uint64, w word, now uint32, i int) (r Route, done, ok bool) {
	t := s.table
	if w.age(now) < t.rebalancing.idle.Load()+t.clocks.lag(w.state()) {
		return Route{}, false, true
	}
	r = p.selected(Rebalanced)
	if r.Member < 0 || int(r.Member) == i || !t.slots.InUse(uint16(p.View.Slot(int(r.Member)))) {
		return Route{}, false, true
	}
	if t.rebalancing.left.Add(-1) < 0 {
		return Route{}, false, true
	}
	next := word(0)
	if slot := t.slotFor(p, r); slot != selector.NoSlot {
		next = newWord(w.tag(), slot, now, t.after(w, p, now))
	}
	if !at.CompareAndSwap(uint64(w), uint64(next)) {
		t.rebalancing.left.Add(1)
		return Route{}, true, false
	}
	s.tally[rebalanced]++
	if w.state() == Probation && next.state() != Probation {
		s.tally[promoted]++
	}
	return r, true, true
}
