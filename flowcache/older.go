package flowcache

import (
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// older returns the member of a flow that has no pin and is older than the last
// change of its group, while that is not settled: see [selector.Group.Settle].
// Its first packets may have gone through another router that has the change
// still to come, and its pin may be on the way. It goes where the view before
// the change says, if that member is in the group still.
//
// The flow is older if the packet belongs to a TCP connection and does not open
// it.
func (p *Packet) older(v *selector.View) (member int32, ok bool) {
	if p.Flags == 0 || p.Flags&hash.SYN != 0 {
		return -1, false
	}
	before := v.Previous()
	if before == nil {
		return -1, false
	}
	was := before.Select(p.Digest ^ v.Salt())
	if was < 0 {
		return -1, false
	}
	return v.BySlot(before.Slot(was))
}

// unpinned is the route of a packet whose flow has no pin and gets none.
func (p *Packet) unpinned(v *selector.View) Route {
	if member, ok := p.older(v); ok {
		return Route{member, Unpinned}
	}
	return p.selected(v, Unpinned)
}
