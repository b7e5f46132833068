package xdp

import "github.com/ecmp-go/ecmp/flowcache"

// RouteBatch implements [engine.Router] for the slow path: by the same pins as
// the program, the same clock, and in the same way. A packet costs a few calls
// of the kernel.
func (f *flows) RouteBatch(dst []flowcache.Route, packets []flowcache.Packet, _ int64) {
	now := stamp(f.now())
	for i := range packets {
		dst[i] = f.route(&packets[i], now)
	}
}

func (f *flows) route(p *flowcache.Packet, stamp uint64) flowcache.Route {
	w, home := f.find(p.Digest)
	verdict, next, index := flowcache.Placed, w, 0
	if home != nil {
		i, known := p.View.BySlot(w.slot())
		if !known && !p.View.Latest() { // the pin may be newer than the view
			return selected(p, flowcache.Unpinned)
		}
		hop := hopGone
		switch {
		case known && p.View.Alive(i):
			hop = hopAlive
		case known:
			hop = hopDown
		}
		verdict, next = f.timeouts.follow(w, hop, p.Proto, p.Flags, stamp)
		index = i
	}
	switch {
	case verdict == flowcache.Pinned:
		if next != w && !p.LookupOnly && !f.put(p.Digest, next, home) {
			f.slow.refused.Add(1)
		}
		return flowcache.Route{Member: int32(index), Verdict: flowcache.Pinned}
	case verdict == flowcache.Detoured:
		return selected(p, flowcache.Detoured)
	case p.LookupOnly:
		return selected(p, flowcache.Unpinned)
	}
	r := selected(p, verdict)
	if r.Member < 0 {
		return r
	}
	slot := p.View.Slot(int(r.Member))
	switch {
	case !f.put(p.Digest, newPin(stamp, slot, flowcache.Probation), home):
		f.slow.refused.Add(1)
		r.Verdict = flowcache.Refused
	case verdict == flowcache.Moved:
		f.slow.moved.Add(1)
	default:
		f.slow.placed.Add(1)
	}
	return r
}

// selected is the route that the group's selector gives.
func selected(p *flowcache.Packet, v flowcache.Verdict) flowcache.Route {
	m := p.View.Select(p.Hash)
	if m < 0 {
		v = flowcache.NoMember
	}
	return flowcache.Route{Member: int32(m), Verdict: v}
}
