package services

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	kernel "github.com/ecmp-go/ecmp/gateway/internal/host"
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

// places are the prefixes of all services and where their members are. They are
// put together when somebody asks who was not told yet, and never change.
type places struct {
	prefixes []netip.Prefix
	devices  []string
	members  []Place
	paths    []kernel.Path
}

// Places returns where the members of all services are, each once. The list is
// only to be read.
func (r *Registry) Places() []Place { return r.placesNow().members }

// Served returns the prefixes of all services, and the interfaces that their
// members are behind, both in order and each once, only to be read.
func (r *Registry) Served() (prefixes []netip.Prefix, devices []string) {
	p := r.placesNow()
	return p.prefixes, p.devices
}

// placesNow puts them together without the lock, of services as they were in
// one moment.
func (r *Registry) placesNow() *places {
	r.mu.Lock()
	now, edits := r.places, r.edits
	if now != nil {
		r.mu.Unlock()
		return now
	}
	list := make([]config.Service, len(r.services))
	for i, s := range r.services {
		list[i] = s.Service
	}
	r.mu.Unlock()
	now = placesOf(list)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.edits == edits {
		r.places = now
	}
	return now
}

func placesOf(services []config.Service) *places {
	prefixes, devices := make(map[netip.Prefix]bool), make(map[string]bool)
	for _, s := range services {
		for _, prefix := range s.Prefixes {
			prefixes[prefix] = true
		}
		for _, m := range s.Members {
			devices[m.Dev] = true
		}
	}
	return &places{slices.SortedFunc(maps.Keys(prefixes), netip.Prefix.Compare), slices.Sorted(maps.Keys(devices)),
		PlacesOf(services), pathsOf(services)}
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
