package xdp

import "slices"

// members are those of all services. Where two states have the same, there is
// nothing to be done: to drain one of many, or to mark it, changes none.
type members struct {
	hops    []hopEntry             // by slot; zero: nobody has it
	tunnels map[uint16]tunnelEntry // by slot
}

// hop returns the member that has a slot; zero if nobody has it.
func (m *members) hop(slot int) hopEntry {
	if slot < len(m.hops) {
		return m.hops[slot]
	}
	return hopEntry{}
}

// gather finds the members of the services: those of the state before, if each
// service has the same as there.
func (s *state) gather(before *state) {
	if len(s.services) == len(before.services) && !slices.ContainsFunc(s.services, (*service).otherHops) {
		s.members = before.members
		return
	}
	m := &members{make([]hopEntry, 0, len(before.members.hops)), make(map[uint16]tunnelEntry)}
	for _, is := range s.services {
		for _, h := range is.hops {
			for int(h.slot) >= len(m.hops) {
				m.hops = append(m.hops, hopEntry{})
			}
			if m.hops[h.slot] = h.hopEntry; h.tunnel != (tunnelEntry{}) {
				m.tunnels[h.slot] = h.tunnel
			}
		}
	}
	s.members = m
}

// otherHops reports whether the service is made anew with other members than its
// group has now.
func (s *service) otherHops() bool {
	return !s.placed && (s.before == nil || !slices.Equal(s.before.hops, s.hops))
}

// addMembers writes the members of the next state, each after its tunnel. Those
// that left stay in the maps: a packet may be on its way by the table before,
// nothing else leads to them, and who is given the slot next writes its own.
func (p *dataPlane) addMembers(old, next *members) error {
	if old == next {
		return nil
	}
	for slot, t := range next.tunnels {
		if old.tunnels[slot] == t {
			continue
		}
		if err := p.maps.tunnels.Put(uint32(slot), t); err != nil {
			return err
		}
	}
	var slots []uint32
	var hops []hopEntry
	for slot, h := range next.hops {
		if h != (hopEntry{}) && old.hop(slot) != h {
			slots, hops = append(slots, uint32(slot)), append(hops, h)
		}
	}
	return p.putHops(slots, hops)
}

// putHops writes members by one call of the kernel.
func (p *dataPlane) putHops(slots []uint32, hops []hopEntry) error {
	if len(slots) == 0 {
		return nil
	}
	_, err := p.maps.hops.BatchUpdate(slots, hops, nil)
	return err
}
