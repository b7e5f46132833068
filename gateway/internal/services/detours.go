package services

import (
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/selector"
)

// A detour is what failed, to be told how many flows it concerns.
type detour struct {
	at    time.Time // of the change
	what  string
	slots []selector.Slot // of the members that are down
}

// detour has the flows counted that the change logged last sends elsewhere:
// those of members that are so, of the services that have such. That takes a
// pass over all flows, so it is done later and without the lock.
func (r *Registry) detour(services []*service, is func(config.Member) bool) {
	if r.plane.Flows() == nil {
		return
	}
	c := r.changes[len(r.changes)-1]
	d := detour{at: c.At, what: c.What}
	for _, s := range services {
		v := s.group.Load().View()
		for _, m := range s.Members {
			if i, ok := v.Index(m.ID); ok && is(m) {
				d.slots = append(d.slots, v.Slot(i))
			}
		}
	}
	r.detours = append(r.detours, d)
	r.countSoon()
}

// tellDetour takes down how many flows a failure concerns.
func (r *Registry) tellDetour(d detour, flows, all int) {
	i := slices.IndexFunc(r.changes, func(c Change) bool { return c.At.Equal(d.at) && c.What == d.what })
	if i < 0 || all == 0 {
		return
	}
	c := &r.changes[i]
	c.Detoured, c.Flows = flows, all
	r.logger.Info("flows detoured", "because", d.what, "service", c.Service, "detoured", flows, "of", all)
}
