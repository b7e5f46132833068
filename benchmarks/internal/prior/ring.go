package prior

import (
	"slices"
	"sort"
)

// ringPoints is how many points a member has on the ring.
const ringPoints = 20

// A point of the ring belongs to a candidate.
type point struct {
	at  uint64
	who int32
}

func (p *Pool) newRing() {
	for i, h := range p.hashes {
		for k := range ringPoints {
			p.ring = append(p.ring, point{mix(h + uint64(k)*odd), int32(i)})
		}
	}
	slices.SortStableFunc(p.ring, func(a, b point) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	p.starts = make([]int32, p.slots)
	for slot := range p.starts {
		at := mix(uint64(slot) + odd)
		i := sort.Search(len(p.ring), func(i int) bool { return p.ring[i].at >= at })
		p.starts[slot] = int32(i % len(p.ring))
	}
}

// Ring gives each slot in turn to the first member with room, clockwise from
// the slot's point of a ring of 20 points a member: consistent hashing with
// bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018) as
// buraksezer/consistent has it. Weights set caps alone.
func Ring(p *Pool, members []int32, caps []int) []int32 {
	owners, room := make([]int32, p.slots), p.rooms(members, caps)
	for slot := range owners {
		i := int(p.starts[slot])
		for room[p.ring[i].who] == 0 {
			if i++; i == len(p.ring) {
				i = 0
			}
		}
		owners[slot] = p.ring[i].who
		room[owners[slot]]--
	}
	return owners
}
