package services

import "net/netip"

// Forwarding returns the prefixes of the configured services that a packet is forwarded
// for if it comes in now, which is when routers may send them here; and how many
// services there are that forward nothing.
func (r *Registry) Forwarding() (prefixes []netip.Prefix, others int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	down := r.receives() != nil
	for _, s := range r.services {
		if s.Learned {
			continue
		}
		if down || !s.usable() {
			others++
			continue
		}
		prefixes = append(prefixes, s.Prefixes...)
	}
	return prefixes, others
}
