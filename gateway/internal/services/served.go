package services

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A Place is where a member is.
type Place struct {
	ID, Dev string
	Addr    netip.Addr
}

// Places returns where the members of all services are, each once.
func (r *Registry) Places() []Place {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Place
	seen := make(map[Place]bool)
	for _, s := range r.services {
		for _, m := range s.Members {
			if p := (Place{m.ID, m.Dev, m.Addr}); !seen[p] {
				seen[p] = true
				list = append(list, p)
			}
		}
	}
	return list
}

// Served returns the prefixes of all services, and the interfaces that their
// members are behind, both in order and each once.
func (r *Registry) Served() (prefixes []netip.Prefix, devices []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, d := make(map[netip.Prefix]bool), make(map[string]bool)
	for _, s := range r.services {
		for _, prefix := range s.Prefixes {
			p[prefix] = true
		}
		for _, m := range s.Members {
			d[m.Dev] = true
		}
	}
	return slices.SortedFunc(maps.Keys(p), netip.Prefix.Compare), slices.Sorted(maps.Keys(d))
}

// Knows reports whether a member is at an address behind an interface, and its
// MAC address, which was not given, is known.
func (r *Registry) Knows(index int, addr netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := place{index, addr}
	if r.host.neighbours[at] == (engine.MAC{}) {
		return false
	}
	for p := range r.roster.behind[r.host.names[index]] {
		if is, ok := r.host.place(p.Member); ok && is == at {
			return true
		}
	}
	return false
}

// Again has the data plane take over everything again, with what it knows of
// interfaces now.
func (r *Registry) Again() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.follow(r.services)
}
