package services

import (
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A began is a drain that began, to be told how many flows its member had.
type began struct {
	service, id string
	slot        selector.Slot
}

// drainBegan has the flows of a drained member counted, unless they are already.
func (r *Registry) drainBegan(service, id string) {
	s, err := r.find(service)
	if err != nil || r.plane.Flows() == nil || r.drains[service][id].Flows > 0 {
		return
	}
	v := s.group.Load().View()
	if i, ok := v.Index(id); ok {
		r.began = append(r.began, began{service, id, v.Slot(i)})
		r.countSoon()
	}
}

// countSoon has flows counted, later and without the lock, since that takes a
// pass over all of them.
func (r *Registry) countSoon() {
	if !r.counting {
		r.counting = true
		go r.count()
	}
}

// count counts until nothing is left to be counted. What comes during a pass
// waits for the next one: there is one pass at a time, for all that wait, so
// that many drains in a row do not take the processors from each other.
func (r *Registry) count() {
	for {
		r.mu.Lock()
		detours, drains := r.detours, r.began
		r.detours, r.began = nil, nil
		r.counting = len(detours) > 0 || len(drains) > 0
		r.mu.Unlock()
		if len(detours) == 0 && len(drains) == 0 {
			return
		}
		pins, all := pinsBySlot(r.plane.Flows())
		r.mu.Lock()
		for _, d := range detours {
			n := 0
			for _, slot := range d.slots {
				n += pins[slot]
			}
			r.tellDetour(d, n, all)
		}
		for _, d := range drains {
			if drain, ok := r.drains[d.service][d.id]; ok && drain.Flows == 0 {
				drain.Flows = pins[d.slot]
				r.drains[d.service][d.id] = drain
			}
		}
		r.mu.Unlock()
	}
}

// pinsBySlot counts flows by the slots of their members, and all that have one,
// in pieces as [Registry.MemberFlows] does.
func pinsBySlot(flows plane.Flows) (pins map[selector.Slot]int, all int) {
	pins = make(map[selector.Slot]int)
	scanned := 0
	for pin := range flows.All() {
		if scanned++; scanned%scanPiece == 0 {
			time.Sleep(scanPause)
		}
		if pin.Slot != selector.NoSlot {
			pins[pin.Slot]++
			all++
		}
	}
	return pins, all
}
