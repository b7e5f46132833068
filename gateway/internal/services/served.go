package services

import (
	"maps"
	"net/netip"
	"slices"
)

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
