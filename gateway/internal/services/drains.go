package services

import (
	"maps"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A Drain says who drained a member, past the configuration. It holds, through
// reloads of the configuration too, until the member gets a weight by the same
// way, or leaves; and through a restart, if there is a snapshot.
type Drain struct {
	By    string    `json:"by,omitempty"`
	At    time.Time `json:"at"`
	Flows int       `json:"flows,omitempty"` // that it had then; 0: not counted
	Until
	EndBy string `json:"endBy,omitempty"` // who said so last

	// when its flows were released, for all of them and for those without a
	// connection; zero: they were not yet
	Ended    time.Time `json:"ended,omitzero"`
	UDPEnded time.Time `json:"udpEnded,omitzero"`
}

// drains are the drains that are not the configuration's: by service, then by
// member.
type drains map[string]map[string]Drain

func (d drains) add(service, id string, drain Drain) {
	if d[service] == nil {
		d[service] = make(map[string]Drain)
	}
	d[service][id] = drain
}

// addAll adds others.
func (d drains) addAll(others drains) {
	for service, members := range others {
		for id, drain := range members {
			d.add(service, id, drain)
		}
	}
}

// of returns the drains of members of some services.
func (d drains) of(services []config.Service) drains {
	found := make(drains)
	for _, s := range services {
		for _, m := range s.Members {
			if drain, ok := d[s.Name][m.ID]; ok {
				found.add(s.Name, m.ID, drain)
			}
		}
	}
	return found
}

// takeOf is of, and takes these out.
func (d drains) takeOf(services []config.Service) drains {
	taken := d.of(services)
	for service, members := range taken {
		for id := range members {
			delete(d[service], id)
		}
		if len(d[service]) == 0 {
			delete(d, service)
		}
	}
	return taken
}

// over returns the services of a configuration with the drained members
// drained.
func (d drains) over(configured []config.Service) []config.Service {
	services := slices.Clone(configured)
	for i := range services {
		s := &services[i]
		if len(d[s.Name]) == 0 {
			continue
		}
		s.Members = slices.Clone(s.Members)
		for j := range s.Members {
			if _, ok := d[s.Name][s.Members[j].ID]; ok {
				s.Members[j].Weight = 0
			}
		}
	}
	return services
}

// retain forgets the drains of members that are not there.
func (d drains) retain(services []config.Service) {
	there := make(map[string]map[string]bool, len(services))
	for _, s := range services {
		if len(d[s.Name]) == 0 {
			continue
		}
		there[s.Name] = make(map[string]bool, len(s.Members))
		for _, m := range s.Members {
			there[s.Name][m.ID] = true
		}
	}
	maps.DeleteFunc(d, func(service string, members map[string]Drain) bool {
		maps.DeleteFunc(members, func(id string, _ Drain) bool { return !there[service][id] })
		return len(members) == 0
	})
}

// keepDrains takes down which members of a service were drained and which are
// so no longer, after a change that is not the configuration's.
func (r *Registry) keepDrains(service string, before, now []config.Member) {
	r.holdDrains(service, before, now)
	_ = r.endDrains(r.Now()) // Step tries again
}

// holdDrains is keepDrains, and ends none.
func (r *Registry) holdDrains(service string, before, now []config.Member) {
	was := make(map[string]uint32, len(before))
	for _, m := range before {
		was[m.ID] = m.Weight
	}
	drained := make(map[string]Drain)
	for _, m := range now {
		if m.Weight > 0 {
			continue
		}
		drain, kept := r.drains[service][m.ID]
		if weight, there := was[m.ID]; !there || weight > 0 {
			drain, kept = Drain{By: r.by, At: r.Now()}, true
		}
		if kept {
			drained[m.ID] = drain
		}
	}
	if r.drains[service] = drained; len(drained) == 0 {
		delete(r.drains, service)
	}
}

// drainedIn returns the members that a configuration drains.
func drainedIn(services []config.Service) map[[2]string]bool {
	drained := make(map[[2]string]bool)
	for _, s := range services {
		for _, m := range s.Members {
			if m.Weight == 0 {
				drained[[2]string{s.Name, m.ID}] = true
			}
		}
	}
	return drained
}

// DrainedByConfiguration reports whether the configuration drains a member, so
// that its next reload ends what gives the member a weight by another way.
func (r *Registry) DrainedByConfiguration(service, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.configured[[2]string{service, id}]
}
