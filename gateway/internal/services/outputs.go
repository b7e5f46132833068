package services

import (
	"errors"
	"math"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// outputs numbers the members of each service: see [engine.Adjacency.Output].
// A member of two services has two numbers, so that a plane, which counts by
// them, counts by service too. A member keeps its number for as long as it is
// in the service and behind the same interface. Numbers are given again, the
// lowest first.
type outputs struct {
	numbers map[port]uint16
	devices map[uint16]string         // of the numbers, as the plane is told
	before  map[uint16]engine.Traffic // of a number, what went to those who had it before
	lost    map[uint16]plane.Drops    // of a number, what they did not get
	free    int                       // no lower number is
}

// A port is a member of a service behind an interface.
type port struct{ service, id, dev string }

var errOutputs = errors.New("more members than outputs")

func newOutputs() outputs {
	return outputs{
		numbers: make(map[port]uint16), devices: make(map[uint16]string), before: make(map[uint16]engine.Traffic),
		lost: make(map[uint16]plane.Drops),
	}
}

// give gives a port a number. What the counters of one that is given anew hold
// is of the members that had it before.
func (o *outputs) give(p port, counters *plane.Counters) error {
	for o.free <= math.MaxUint16 {
		n := uint16(o.free)
		if _, taken := o.devices[n]; !taken {
			o.numbers[p], o.devices[n] = n, p.dev
			o.before[n], o.lost[n] = counters.Members[n], counters.MemberDrops[n]
			return nil
		}
		o.free++
	}
	return errOutputs
}

// release takes the numbers of ports back, to which no packet goes any more.
func (o *outputs) release(ports []port) {
	for _, p := range ports {
		n, ok := o.numbers[p]
		if !ok {
			continue
		}
		delete(o.numbers, p)
		delete(o.devices, n)
		o.free = min(o.free, int(n))
	}
}

// number gives numbers to the members that join, and finds those that leave:
// they keep theirs until no packet is on its way to them.
func (r *Registry) number(p *plan) error {
	now := make(map[port]bool)
	for _, s := range p.removed {
		for _, m := range s.Members {
			now[port{s.Name, m.ID, m.Dev}] = true
		}
	}
	for i := range p.targets {
		t := &p.targets[i]
		for _, m := range t.Members {
			now[port{t.Name, m.ID, m.Dev}] = true
		}
	}
	var counters *plane.Counters
	for i := range p.targets {
		next := &p.targets[i].next
		for _, m := range next.Members {
			at := port{next.Name, m.ID, m.Dev}
			if now[at] {
				delete(now, at)
				continue
			}
			if counters == nil {
				now := r.plane.Counters()
				counters = &now
			}
			if err := r.outputs.give(at, counters); err != nil {
				r.outputs.release(p.joined)
				return &RefusedError{next.Name, err}
			}
			p.joined = append(p.joined, at)
		}
	}
	for at := range now {
		p.left = append(p.left, at)
	}
	return nil
}

// traffic returns what went to a member.
func (o *outputs) traffic(p port, counters map[uint16]engine.Traffic) engine.Traffic {
	n, ok := o.numbers[p]
	if !ok {
		return engine.Traffic{}
	}
	now, before := counters[n], o.before[n]
	return engine.Traffic{Frames: now.Frames - before.Frames, Bytes: now.Bytes - before.Bytes}
}

// drops returns what a member did not get, though it was decided for it; nil if
// that is nothing.
func (o *outputs) drops(p port, counters map[uint16]plane.Drops) plane.Drops {
	n, ok := o.numbers[p]
	if !ok {
		return nil
	}
	return counters[n].Since(o.lost[n])
}

// gone returns what went to members that left.
func (o *outputs) gone(counters map[uint16]engine.Traffic) (t engine.Traffic) {
	for n, now := range counters {
		if _, given := o.devices[n]; given {
			now = o.before[n]
		}
		t.Frames += now.Frames
		t.Bytes += now.Bytes
	}
	return t
}
