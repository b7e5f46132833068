package services

import "net/netip"

// Forwarding returns the prefixes of the configured services, each once, that a
// packet is forwarded for if it comes in now, which is when routers may send
// them here; and how many services there are that forward nothing.
//
// Of several services with one address, one that forwards is enough. Routers
// send the whole address or nothing: withdrawn for one service without members,
// it would be lost for those that work.
func (r *Registry) Forwarding() (prefixes []netip.Prefix, others int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	down := r.receives() != nil
	seen := make(map[netip.Prefix]bool)
	for _, s := range r.services {
		if s.Learned {
			continue
		}
		if down || !s.usable() {
			others++
			continue
		}
		for _, p := range s.Prefixes {
			if !seen[p] {
				seen[p] = true
				prefixes = append(prefixes, p)
			}
		}
	}
	return prefixes, others
}
