package services

import (
	"errors"
	"maps"
	"math"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// outputs numbers the members of each service: see [engine.Adjacency.Output].
// A member of two services has two numbers, so that a plane, which counts by
// them, counts by service too. A member keeps its number for as long as it is
// in the service and behind the same interface. Numbers are given again, the
// lowest first.
type outputs struct {
	numbers map[port]uint16
	before  map[uint16]engine.Traffic // of a number, what went to those who had it before
}

// A port is a member of a service behind an interface.
type port struct{ service, id, dev string }

var errOutputs = errors.New("more members than outputs")

// following returns the numbers for the next services. What the counters of a
// number that is given anew hold is of the members that had it before.
func (o outputs) following(services []config.Service, counters map[uint16]engine.Traffic) (outputs, error) {
	next := outputs{make(map[port]uint16), maps.Clone(o.before)}
	if next.before == nil {
		next.before = make(map[uint16]engine.Traffic)
	}
	taken := make(map[uint16]bool)
	for _, n := range o.numbers { // of members that leave, too: packets are on their way to them
		taken[n] = true
	}
	free := 0
	for _, s := range services {
		for _, m := range s.Members {
			p := port{s.Name, m.ID, m.Dev}
			if n, ok := o.numbers[p]; ok {
				next.numbers[p] = n
				continue
			}
			if _, ok := next.numbers[p]; ok {
				continue
			}
			for taken[uint16(free)] {
				free++
			}
			if free > math.MaxUint16 {
				return o, errOutputs
			}
			n := uint16(free)
			next.numbers[p], taken[n] = n, true
			next.before[n] = counters[n]
		}
	}
	return next, nil
}

// devices returns what the plane is told.
func (o outputs) devices() map[uint16]string {
	devices := make(map[uint16]string, len(o.numbers))
	for p, n := range o.numbers {
		devices[n] = p.dev
	}
	return devices
}

// traffic returns what went to a member.
func (o outputs) traffic(p port, counters map[uint16]engine.Traffic) engine.Traffic {
	n, ok := o.numbers[p]
	if !ok {
		return engine.Traffic{}
	}
	now, before := counters[n], o.before[n]
	return engine.Traffic{Frames: now.Frames - before.Frames, Bytes: now.Bytes - before.Bytes}
}

// gone returns what went to members that left.
func (o outputs) gone(counters map[uint16]engine.Traffic) (t engine.Traffic) {
	given := make(map[uint16]bool)
	for _, n := range o.numbers {
		given[n] = true
	}
	for n, now := range counters {
		if given[n] {
			now = o.before[n]
		}
		t.Frames += now.Frames
		t.Bytes += now.Bytes
	}
	return t
}
