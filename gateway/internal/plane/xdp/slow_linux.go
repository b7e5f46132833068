package xdp

import (
	"time"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/flowcache"
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

// A decision is what becomes of a packet, and of the pin of its flow.
type decision struct {
	route flowcache.Route
	pin   pin
	home  *ebpf.Map // that the pin is in; nil: there is none
	next  pin       // that is to be written; 0: none is
}

func (f *flows) route(p *flowcache.Packet, v *selector.View, stamp uint64) flowcache.Route {
	d := f.decide(p, v, stamp)
	if d.route.Verdict == flowcache.Detoured {
		f.slow.detoured.Add(1)
	}
	if d.next == 0 {
		return d.route
	}
	switch ok := f.put(p.Digest, d.next, d.home); {
	case !ok:
		f.slow.refused.Add(1)
		if d.route.Verdict != flowcache.Pinned {
			d.route.Verdict = flowcache.Refused
		}
	case d.route.Verdict == flowcache.Moved:
		f.slow.moved.Add(1)
	case d.route.Verdict == flowcache.Placed:
		f.slow.placed.Add(1)
	}
	return d.route
}

// Peek implements [plane.Memory].
func (f *flows) Peek(p flowcache.Packet, v *selector.View) (r flowcache.Route, has flowcache.Pin, pinned bool) {
	now := stamp(f.now())
	d := f.decide(&p, v, now)
	if d.home == nil || f.timeouts.expired(d.pin, now) {
		return d.route, flowcache.Pin{}, false
	}
	return d.route, flowcache.Pin{Slot: d.pin.slot(), State: d.pin.state(), Age: d.pin.age(now)}, true
}

// decide changes nothing.
func (f *flows) decide(p *flowcache.Packet, v *selector.View, stamp uint64) decision {
	w, home := f.find(p.Digest)
	d := decision{pin: w, home: home}
	lookupOnly := p.Mode == flowcache.LookupOnly
	verdict, next, index, hop := flowcache.Placed, w, int32(0), hopGone
	if home != nil {
		i, known := v.BySlot(w.slot())
		if !known && !v.Latest() { // the pin may be newer than the view
			d.route = selected(p, v, flowcache.Unpinned)
			return d
		}
		switch {
		case known:
			hop = f.stateOf(v, i)
		case f.awaits(w.slot()):
			hop = hopAwaited
		}
		if lookupOnly && hop == hopReleasing {
			// It has no flags of its flow: its flow decides whether it leaves,
			// by its own next packet.
			hop = hopDrained
		}
		verdict, next = f.timeouts.follow(w, hop, p.Class, p.Flags, stamp)
		index = i
	}
	if lookupOnly && verdict == flowcache.Placed && hop != hopGone && w.age(stamp) <= f.timeouts.life[w.state()] {
		verdict = flowcache.Pinned // it begins no connection
		if hop == hopDown {
			verdict = flowcache.Detoured
		}
	}
	switch {
	case verdict == flowcache.Pinned:
		d.route = flowcache.Route{Member: index, Verdict: flowcache.Pinned}
		if next != w && !lookupOnly {
			d.next = next
		}
		return d
	case verdict == flowcache.Detoured:
		d.route = selected(p, v, flowcache.Detoured)
		return d
	case lookupOnly:
		d.route = selected(p, v, flowcache.Unpinned)
		return d
	}
	d.route = selected(p, v, verdict)
	switch {
	case d.route.Member >= 0:
		d.next = newPin(stamp, v.Slot(d.route.Member), firstState(p.Flags))
	case (hop == hopDrained || hop == hopReleasing) && verdict == flowcache.Placed &&
		w.age(stamp) <= f.timeouts.life[w.state()]: // nobody else can take the flow
		d.route = flowcache.Route{Member: index, Verdict: flowcache.Pinned}
	}
	return d
}

// selected is the route that the group's selector gives.
func selected(p *flowcache.Packet, v *selector.View, verdict flowcache.Verdict) flowcache.Route {
	m := v.Select(p.Digest ^ v.Salt())
	if m < 0 {
		verdict = flowcache.NoMember
	}
	return flowcache.Route{Member: int32(m), Verdict: verdict}
}
