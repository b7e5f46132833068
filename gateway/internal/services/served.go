package services

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A Place is where a member is, or the other end of its tunnel, or the router
// that is to be on the way there.
type Place struct {
	ID, Dev string
	Addr    netip.Addr
	Outer   int // bytes that its tunnel adds to a packet
}

// PlaceOf returns where a member is.
func PlaceOf(m config.Member) Place { return Place{m.ID, m.Dev, m.NextHop(), m.Outer().Size()} }

// PlacesOf returns where the members of services are, each once.
func PlacesOf(services []config.Service) (list []Place) {
	seen := make(map[Place]bool)
	for _, s := range services {
		for _, m := range s.Members {
			if p := PlaceOf(m); !seen[p] {
				seen[p] = true
				list = append(list, p)
			}
		}
	}
	return list
}

// SetRouters takes over the routers behind which the kernel has members in
// tunnels, in place of those before: what is for such a member goes to the MAC
// address of its router. A plain member has none, since no router sends a packet
// to it that is for another address.
func (r *Registry) SetRouters(routers map[Place]netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if maps.Equal(r.host.routers, routers) {
		return nil
	}
	r.host.routers = maps.Clone(routers)
	var changed []*service
	for _, p := range r.roster.members {
		if p.Tunnel != (config.Tunnel{}) {
			r.ask([]config.Member{p.Member})
			changed = append(changed, p.services...)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return r.follow(r.inOrder(changed))
}

// Places returns where the members of all services are, each once.
func (r *Registry) Places() []Place {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]config.Service, len(r.services))
	for i, s := range r.services {
		list[i] = s.Service
	}
	return PlacesOf(list)
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
