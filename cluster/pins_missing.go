package cluster

import (
	"maps"
	"slices"
	"time"
)

// Missing names the gateways whose pins are not all here, of those that are in
// a group with this one and may share pins: as long as there are any, flows
// that go from them to this gateway may break. One that shares no pins counts
// as missing for three seconds. Missing names this gateway itself until Run has
// looked for the first time. A gateway that was not heard of yet is not named.
func (p *Pins) Missing() []string {
	found := p.missing.Load()
	if found == nil {
		return []string{p.conn.config.Gateway}
	}
	names := slices.Clone(found.names)
	for group, known := range found.known {
		for _, name := range p.expected(group) {
			if !slices.Contains(known, name) { // Run has not looked since it came
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// missingPins is whose pins are missing, of the gateways that are known in each
// group. It never changes.
type missingPins struct {
	names []string
	known map[string][]string
}

// missingEvery is how often Run looks whose pins are missing.
const missingEvery = 20 * time.Millisecond

// noteMissing has Missing say what is so now.
func (p *Pins) noteMissing(at instant) {
	if p.missing.Load() != nil && at.now < p.nextMissing {
		return
	}
	p.nextMissing = at.now + missingEvery
	found := p.sharer.missingOf(at)
	p.missing.Store(&found)
}

// missingOf finds the gateways of which something is asked for, or to be heard.
func (s *sharer) missingOf(at instant) missingPins {
	found := missingPins{known: make(map[string][]string, len(s.groups))}
	for _, g := range s.groups {
		s.noteMembers(g, at)
		found.known[g.name] = slices.Collect(maps.Keys(g.members))
		for name, since := range g.members {
			p := s.peers[name]
			shares := p != nil && p.groups[g.name] != nil && at.now-p.heard <= silentAfter
			switch {
			case !shares && at.now-since > silentAfter: // it shares none
			case !shares || len(p.groups[g.name].cover.gaps) > 0:
				found.names = append(found.names, name)
			}
		}
	}
	return found
}
