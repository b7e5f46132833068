package xdp

import (
	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// A servedAt is where the drops of a service are counted.
type servedAt struct {
	index  uint32
	others dropCounts // of services that had the index before
}

// serve says of which services drops are told from now on.
func (p *dataPlane) serve(services []*service) {
	served := make(map[*engine.Group]servedAt, len(services))
	for _, s := range services {
		served[s.group] = servedAt{s.index, s.others}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.served = served
}

// Counters implements [plane.Plane]. A frame that its device did not take when
// it was redirected there counts as sent.
func (p *dataPlane) Counters() plane.Counters {
	c := p.slow.Counters()
	c.Slow = c.In
	p.mu.Lock()
	defer p.mu.Unlock()
	for number := range p.counted {
		t := traffic(p.maps.members, uint32(number))
		c.In = sum(c.In, t)
		c.Members[number] = sum(c.Members[number], t)
	}
	// Who had drops is asked only if there are any, since there is a call of the
	// kernel for each.
	if p.addDrops(&c, expired, noOutput) {
		for g, at := range p.served {
			now := dropsAt(p.maps.unserved, at.index)
			for e := range noOutput {
				plane.AddDrops(c.ServiceDrops, g, e.reason(), now.Frames[e]-at.others.Frames[e])
			}
		}
	}
	if p.addDrops(&c, noOutput, placed) {
		for number := range p.counted {
			now := dropsAt(p.maps.unsent, uint32(number))
			for e := noOutput; e < placed; e++ {
				plane.AddDrops(c.MemberDrops, number, e.reason(), now.Frames[e-noOutput])
			}
		}
	}
	return c
}

// addDrops adds the frames dropped for some reasons, and reports whether there
// are any.
func (p *dataPlane) addDrops(c *plane.Counters, first, end event) (found bool) {
	for e := first; e < end; e++ {
		if t := traffic(p.maps.events, uint32(e)); t.Frames > 0 {
			c.In = sum(c.In, t)
			c.Dropped[e.reason()] += t.Frames
			found = true
		}
	}
	return found
}

func sum(a, b engine.Traffic) engine.Traffic {
	return engine.Traffic{Frames: a.Frames + b.Frames, Bytes: a.Bytes + b.Bytes}
}

// traffic adds up what the processors counted.
func traffic(m *ebpf.Map, index uint32) (total engine.Traffic) {
	var each []engine.Traffic
	_ = m.Lookup(index, &each) // fails when the plane is closed
	for _, t := range each {
		total = sum(total, t)
	}
	return total
}

// dropsAt adds up the drops that the processors counted.
func dropsAt(m *ebpf.Map, index uint32) (total dropCounts) {
	var each []dropCounts
	_ = m.Lookup(index, &each) // fails when the plane is closed
	for _, d := range each {
		for i, n := range d.Frames {
			total.Frames[i] += n
		}
	}
	return total
}
