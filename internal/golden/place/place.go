// Package place holds slow models of the selector package's strategies. They
// aim for readability above speed, share no code with the strategies, and are
// for tests only.
package place

import (
	"cmp"
	"slices"
)

// Member is a member of a group. Models return indexes into the list given.
type Member struct {
	ID     string
	Weight uint32
}

// byID returns the indexes of the members in order of ID.
func byID(members []Member) []int {
	order := asGiven(members)
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(members[a].ID, members[b].ID) })
	return order
}

func asGiven(members []Member) []int {
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	return order
}

// commonDivisor returns the greatest number that divides all weights.
func commonDivisor(members []Member) uint64 {
	divisor := uint64(0)
	for _, m := range members {
		for a := uint64(m.Weight); a != 0; {
			divisor, a = a, divisor%a
		}
	}
	return divisor
}

// owner returns the member, of those in order, that owns number x when each
// owns the next weight/divisor numbers.
func owner(members []Member, order []int, divisor, x uint64) int {
	for _, i := range order {
		share := uint64(members[i].Weight) / divisor
		if x < share {
			return i
		}
		x -= share
	}
	return -1
}

func total(members []Member) uint64 {
	sum := uint64(0)
	for _, m := range members {
		sum += uint64(m.Weight)
	}
	return sum
}
