package prior

import (
	"math/bits"
	"slices"
)

// DxHash (Dong and Wang, arXiv 2107.07930) numbers members by the places of an
// array whose length is a power of two. A slot draws places from a random
// sequence of its own, and its owner is in the first that is taken. A member
// that joins gets the lowest free place; the paper leaves open which. When none
// is free the array doubles. Members have equal weight, and no caps: the
// paper's variant with weights is not here.
type DxHash struct {
	places []int32 // of candidates, -1: free
}

// Place lets candidates join and leave until the members are these, and returns
// the owners of the slots. The rule draws nothing for IDs. So that draws of
// candidates differ, the first one's ID seeds the sequences of the slots.
func (d *DxHash) Place(p *Pool, members []int32) []int32 {
	for i, who := range d.places {
		if who >= 0 && !slices.Contains(members, who) {
			d.places[i] = -1
		}
	}
	for _, who := range members {
		if slices.Contains(d.places, who) {
			continue
		}
		free := slices.Index(d.places, -1)
		if free < 0 {
			free = len(d.places)
			d.places = append(d.places, slices.Repeat([]int32{-1}, max(1, free))...)
		}
		d.places[free] = who
	}
	owners, shift := make([]int32, p.slots), 65-bits.Len(uint(len(d.places)))
	for slot := range owners {
		state := mix(uint64(slot)+odd) ^ p.hashes[0]
		for owners[slot] = -1; owners[slot] < 0; state += odd {
			owners[slot] = d.places[mix(state)>>shift]
		}
	}
	return owners
}
