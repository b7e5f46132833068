package cluster

import "slices"

// Missing names the gateways whose pins are not all here, of those that are in a
// group with this one and share pins: as long as there are any, flows that go
// from them to this gateway may break. It names this gateway itself until Run
// has looked for the first time. What Run does is some milliseconds ahead of the
// answer, and a gateway that was not heard of yet is not named.
func (p *Pins) Missing() []string {
	if names := p.missing.Load(); names != nil {
		return *names
	}
	return []string{p.conn.config.Gateway}
}

// noteMissing has Missing say what is so now.
func (p *Pins) noteMissing(at instant) {
	names := p.sharer.behind(at)
	if old := p.missing.Load(); old == nil || !slices.Equal(*old, names) {
		p.missing.Store(&names)
	}
}

// behind names the gateways of which something is asked for, or to be heard.
func (s *sharer) behind(at instant) (names []string) {
	for _, g := range s.groups {
		for name, since := range g.members {
			p := s.peers[name]
			shares := p != nil && p.groups[g.name] != nil && at.now-p.heard <= silentAfter
			switch {
			case !shares && at.now-since > silentAfter: // it shares none
			case !shares || len(p.groups[g.name].cover.gaps) > 0:
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
