package services

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
	kernel "github.com/ecmp-go/ecmp/gateway/internal/host"
)

// Paths returns the ways by which members are asked through an address of their
// service, each once. The list is only to be read.
func (r *Registry) Paths() []kernel.Path { return r.placesNow().paths }

// PathOf returns the way of a target with a Via.
func PathOf(t health.Target) kernel.Path {
	return kernel.Path{VIP: t.Addr, Hop: kernel.Hop{Dev: t.Dev, Addr: t.Via, MAC: t.MAC}}
}

// pathsOf returns the paths of services, each once.
func pathsOf(services []config.Service) (list []kernel.Path) {
	seen := make(map[kernel.Path]bool)
	for i := range services {
		s := &services[i]
		if s.Check == nil || !s.Check.ToVIP {
			continue
		}
		for _, m := range s.Members {
			if p := PathOf(targetOf(s, m)); !seen[p] {
				seen[p] = true
				list = append(list, p)
			}
		}
	}
	return list
}

// passable returns an error if members can't be asked where checks are to ask
// them, or if the kernel is not to have so many ways to members.
func (r *Registry) passable(p *plan) error {
	var blamed string
	next := make(map[*service]config.Service, len(p.services))
	for _, s := range p.services {
		next[s] = s.Service
	}
	for i := range p.targets {
		t := &p.targets[i]
		next[t.service] = t.next
		if t.next.Check == nil || !t.next.Check.ToVIP {
			continue
		}
		blamed = t.next.Name
		for _, m := range t.next.Members {
			if _, err := t.next.Asked(m); err != nil {
				return &RefusedError{blamed, err}
			}
		}
	}
	if blamed == "" {
		return nil
	}
	hops := make(map[kernel.Hop]bool)
	for _, path := range pathsOf(slices.Collect(maps.Values(next))) {
		hops[path.Hop] = true
	}
	if len(hops) > kernel.MostHops {
		return &RefusedError{blamed, fmt.Errorf("checks to \"vip\" are for at most %d members", kernel.MostHops)}
	}
	return nil
}
