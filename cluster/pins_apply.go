package cluster

import (
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// holdFor is how long a pin waits for its member to join here.
const holdFor = 10 * time.Second

// A heldPin is one whose member this gateway does not have yet.
type heldPin struct {
	group   *shared
	member  pinsMember
	version uint64 // of the group, where the pin was sent
	pin     flowcache.Pin
	toAll   bool // others were told of it too
	at      time.Duration
}

// A fate is what becomes of the pins of a member.
type fate uint8

const (
	fateTaken fate = iota
	fateOlder      // there is a newer one of this ID here
	fateAhead      // it is not here, or only one that was before it
	fateNoSlot
)

// find returns the slot of a member in the scope of a group here.
func (s *sharer) find(in *shared, m pinsMember) (selector.Slot, fate) {
	f, salt := fateAhead, in.view().Salt()
	for _, g := range s.groups {
		v := g.view()
		if v.Salt() != salt {
			continue
		}
		i, ok := v.Index(m.id)
		if !ok {
			continue
		}
		switch here := v.Incarnation(i); {
		case here == m.incarnation && v.Slot(i) != selector.NoSlot:
			return v.Slot(i), fateTaken
		case here == m.incarnation:
			f = fateNoSlot
		case older(m.incarnation, here) && f == fateAhead:
			f = fateOlder
		}
	}
	return selector.NoSlot, f
}

// older reports whether an incarnation came before another one: revisions grow,
// and those with the highest bit set came before the log.
func older(incarnation, than uint64) bool { return int64(incarnation) < int64(than) }

// apply takes over the pins of a message. The version that they were sent with
// does not matter if their member is here: a pin says where its flow is.
func (s *sharer) apply(g *shared, m *pinsMessage, at instant) {
	version := g.view().Version()
	s.counters.count(receivedPins, len(m.pins))
	slots := make([]selector.Slot, len(m.members))
	fates := make([]fate, len(m.members))
	complete := true
	for i, member := range m.members {
		slots[i], fates[i] = s.find(g, member)
		complete = complete && fates[i] == fateTaken
	}
	if complete {
		for i := range m.pins {
			m.pins[i].Slot = slots[m.pins[i].Slot]
		}
		s.importPins(g, m.pins, m.toAll(), at)
		return
	}
	taken := m.pins[:0]
	for _, p := range m.pins {
		i := p.Slot
		switch {
		case fates[i] == fateTaken:
			p.Slot = slots[i]
			taken = append(taken, p)
		case fates[i] == fateAhead && m.version > version:
			s.hold(heldPin{g, m.members[i], m.version, p, m.toAll(), at.now})
		case fates[i] == fateOlder:
			s.counters.count(stalePins, 1)
		default:
			s.counters.count(unknownPins, 1)
		}
	}
	s.importPins(g, taken, m.toAll(), at)
}

// toAll reports whether all were told of the pins of a message: what is sent
// again was, but for what a gateway asks for that begins.
func (m *pinsMessage) toAll() bool { return m.receiver == "" || m.scan >= firstScan }

// importPins takes over pins, whether all were told of them or this gateway
// alone.
func (s *sharer) importPins(g *shared, pins []flowcache.Pin, toAll bool, at instant) {
	if toAll && g.mode != ShareAll {
		s.memory.heard(pins, at.now)
	}
	s.counters.imported(s.importer.Import(pins, at.now))
}

// hold keeps a pin until the group is where it was sent from.
func (s *sharer) hold(p heldPin) {
	if len(s.held) >= s.maxHeld {
		s.counters.count(droppedHeld, 1)
		return
	}
	s.held = append(s.held, p)
	s.counters.count(heldPins, 1)
}

// applyHeld takes over the pins whose time has come.
func (s *sharer) applyHeld(g *shared, at instant) {
	version := g.view().Version()
	taken := map[bool][]flowcache.Pin{}
	s.held = slices.DeleteFunc(s.held, func(h heldPin) bool {
		if h.group != g {
			return false
		}
		slot, f := s.find(g, h.member)
		switch {
		case f == fateTaken:
			h.pin.Slot = slot
			h.pin.Age += at.now - h.at + s.table.Unit(h.pin.State) // older by what it waited, rounded up
			taken[h.toAll] = append(taken[h.toAll], h.pin)
		case f == fateAhead && h.version > version:
			return false
		case f == fateOlder:
			s.counters.count(stalePins, 1)
		default:
			s.counters.count(unknownPins, 1)
		}
		return true
	})
	s.importPins(g, taken[true], true, at)
	s.importPins(g, taken[false], false, at)
}

// expireHeld drops pins that wait for a member that does not join.
func (s *sharer) expireHeld(at instant) {
	n := 0 // they came one after another
	for n < len(s.held) && at.now-s.held[n].at > holdFor {
		n++
	}
	s.held = slices.Delete(s.held, 0, n)
	s.counters.count(unknownPins, n)
}
