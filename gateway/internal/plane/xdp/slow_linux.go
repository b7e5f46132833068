package xdp

import (
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// RouteBatch implements [engine.Router] for the slow path: by the same pins as
// the program, the same clock, and in the same way. A packet costs a few calls
// of the kernel.
func (f *flows) RouteBatch(dst []flowcache.Route, packets []flowcache.Packet, views []*selector.View, _ time.Duration) {
	now := stamp(f.now())
	for i := range packets {
		p := &packets[i]
		if p.Mode == flowcache.Skip {
			dst[i] = flowcache.Route{Member: -1, Verdict: flowcache.NoMember}
			continue
		}
		dst[i] = f.route(p, views[p.Ref], now)
	}
}

func (f *flows) route(p *flowcache.Packet, v *selector.View, stamp uint64) flowcache.Route {
	w, home := f.find(p.Digest)
	verdict, next, index, hop := flowcache.Placed, w, int32(0), hopGone
	if home != nil {
		i, known := v.BySlot(w.slot())
		if !known && !v.Latest() { // the pin may be newer than the view
			return selected(p, v, flowcache.Unpinned)
		}
		switch {
		case known:
			hop = memberState(v, i)
		case f.awaits(w.slot()):
			hop = hopAwaited
		}
		verdict, next = f.timeouts.follow(w, hop, protoOf(p.Class), p.Flags, stamp)
		index = i
	}
	lookupOnly := p.Mode == flowcache.LookupOnly
	if lookupOnly && verdict == flowcache.Placed && hop != hopGone && w.age(stamp) <= f.timeouts.life[w.state()] {
		verdict = flowcache.Pinned // it begins no connection
		if hop == hopDown {
			verdict = flowcache.Detoured
		}
	}
	switch {
	case verdict == flowcache.Pinned:
		if next != w && !lookupOnly && !f.put(p.Digest, next, home) {
			f.slow.refused.Add(1)
		}
		return flowcache.Route{Member: index, Verdict: flowcache.Pinned}
	case verdict == flowcache.Detoured:
		return selected(p, v, flowcache.Detoured)
	case lookupOnly:
		return selected(p, v, flowcache.Unpinned)
	}
	r := selected(p, v, verdict)
	if r.Member < 0 {
		if hop == hopDrained && verdict == flowcache.Placed { // nobody else can take the flow
			return flowcache.Route{Member: index, Verdict: flowcache.Pinned}
		}
		return r
	}
	slot := v.Slot(r.Member)
	switch {
	case !f.put(p.Digest, newPin(stamp, slot, firstState(p.Flags)), home):
		f.slow.refused.Add(1)
		r.Verdict = flowcache.Refused
	case verdict == flowcache.Moved:
		f.slow.moved.Add(1)
	default:
		f.slow.placed.Add(1)
	}
	return r
}

func protoOf(c flowcache.Class) uint8 {
	if c == flowcache.ClassTCP {
		return hash.TCP
	}
	return 0
}

// selected is the route that the group's selector gives.
func selected(p *flowcache.Packet, v *selector.View, verdict flowcache.Verdict) flowcache.Route {
	m := v.Select(p.Digest ^ v.Salt())
	if m < 0 {
		verdict = flowcache.NoMember
	}
	return flowcache.Route{Member: int32(m), Verdict: verdict}
}
