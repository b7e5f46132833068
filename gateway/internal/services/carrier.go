package services

import (
	"maps"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// SetCarrier says that an interface has a carrier or lost it. Members behind
// one without are down: packets avoid them, and return to them with the
// carrier. On an error the data plane may still send to them.
func (r *Registry) SetCarrier(dev string, up bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.carrier(dev) == up {
		return nil
	}
	r.carriers[dev] = up
	what := dev + " lost its carrier"
	if up {
		what = dev + " has a carrier again"
	}
	concerned := false
	for _, s := range r.services {
		for _, m := range s.Members {
			concerned = concerned || m.Dev == dev
		}
	}
	if !concerned {
		return nil
	}
	r.log(Change{What: what, movedBefore: r.moved()})
	r.mark(r.state())
	return r.sync()
}

// Reopen is for an interface that was removed and made anew, perhaps with
// another MAC address. The caller has said that it has no carrier.
func (r *Registry) Reopen(dev string, mac engine.MAC) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	without := r.outputs.devices()
	maps.DeleteFunc(without, func(_ uint16, d string) bool { return d == dev })
	if len(without) == len(r.outputs.numbers) {
		return nil
	}
	if err := r.plane.SetOutputs(without); err != nil {
		return err
	}
	next := r.state()
	for i := range next {
		next[i].Members = append([]config.Member(nil), next[i].Members...)
		for j := range next[i].Members {
			if m := &next[i].Members[j]; m.Dev == dev {
				m.Src = mac
			}
		}
	}
	return r.apply(next)
}

// mark says of each member whether it is down.
func (r *Registry) mark(services []config.Service) {
	for _, s := range services {
		for _, m := range s.Members {
			r.domain.Mark(m.ID).SetDown(!r.carrier(m.Dev))
		}
	}
}
