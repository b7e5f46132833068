package selector

import (
	"math/bits"
	"slices"
)

// claimTable lets members claim the slots of a table in turns.
func claimTable[E entry](p permutations, l *lineup) *rankedTable[E] {
	t := &rankedTable[E]{table: table[E]{slots: make([]E, p.modulus.m)}}
	c := claims[E]{permutations: p, slots: t.slots, index: l.index, free: make([]uint64, (p.modulus.m+63)/64)}
	if !l.equal() {
		c.turns = turns(l, p.modulus.m)
	}
	c.fill()
	t.preference = &claimOrder{permutations: p, index: l.index, weights: l.weights}
	return t
}

// claims is the state of a table that is being built.
type claims[E entry] struct {
	permutations

	slots []E
	index []int32
	free  []uint64 // a bit a slot, few enough to stay in the nearest cache
	turns []uint16 // the order of turns, which repeats; nil: one turn each
}

// fill fills the table.
func (c *claims[E]) fill() {
	left := len(c.slots)
	for i := range c.free {
		c.free[i] = ^uint64(0)
	}
	if rest := uint(left) % 64; rest != 0 {
		c.free[len(c.free)-1] = 1<<rest - 1
	}
	// To find a free slot takes size/left steps by probe, and left by endgame:
	// change over where both are equal.
	last := 1 << (bits.Len(uint(left)) / 2)
	turn := c.probe(left - min(left, last))
	c.endgame(turn)
}

// probe gives out n slots: each member goes on along its permutation to the
// next free slot. It returns the next turn.
//
// Whether a slot is free and whether a step wraps around are as good as random.
// So both are computed without a branch, two slots at a time, which takes two
// thirds of the time of the obvious loop.
func (c *claims[E]) probe(n int) int {
	size := int32(len(c.slots))
	type cursor struct {
		at    int32
		step  int32 // skip-size, negative: a sum below zero has not wrapped around
		twice int32 // two steps, likewise
		entry E
	}
	cursors := make([]cursor, len(c.members))
	for k, m := range c.members {
		cursors[k] = cursor{int32(m.offset), int32(m.skip) - size, int32(2*m.skip%uint32(size)) - size, E(c.index[k])}
	}
	free, slots, turn := c.free, c.slots, 0
	for range n {
		k := turn
		if c.turns != nil {
			k = int(c.turns[turn])
		}
		cursor := &cursors[k]
		at, step, twice := cursor.at, cursor.step, cursor.twice
		for {
			then := at + step
			then += size & (then >> 31)
			first := free[uint32(at)>>6] >> (uint32(at) & 63) & 1
			second := free[uint32(then)>>6] >> (uint32(then) & 63) & 1
			if first|second != 0 {
				at = then ^ (then^at)&-int32(first) // at if the first is free
				break
			}
			at += twice
			at += size & (at >> 31)
		}
		free[uint32(at)>>6] &^= 1 << (uint32(at) & 63)
		slots[at] = cursor.entry
		at += step
		cursor.at = at + size&(at>>31)
		turn = c.after(turn)
	}
	return turn
}

func (c *claims[E]) after(turn int) int {
	turn++
	if turn == len(c.turns) || c.turns == nil && turn == len(c.members) {
		return 0
	}
	return turn
}

// endgame gives out the slots that are left. The next free slot of a member's
// permutation is the one of least rank, since the member has passed all others.
func (c *claims[E]) endgame(turn int) {
	var left []uint32
	for i, word := range c.free {
		for ; word != 0; word &= word - 1 {
			left = append(left, uint32(i*64+bits.TrailingZeros64(word)))
		}
	}
	for len(left) > 0 {
		k := turn
		if c.turns != nil {
			k = int(c.turns[turn])
		}
		first := c.first(k, left)
		c.slots[left[first]] = E(c.index[k])
		left[first] = left[len(left)-1]
		left = left[:len(left)-1]
		turn = c.after(turn)
	}
}

// first returns which of some slots comes first in the permutation of the
// member at place k.
func (c *claims[E]) first(k int, slots []uint32) int {
	least, first := ^uint64(0), 0
	if c.modulus.m > 1<<20 {
		for j, slot := range slots {
			if r := c.rank(k, uint64(slot)); r < least {
				least, first = r, j
			}
		}
		return first
	}
	// With x = (slot+m-offset)*inverse, which is below 2m^2, the rank is x mod
	// m, and ceil(2^64/m)*x mod 2^64 is the rank times 2^64/m, plus less than
	// x. Up to m of 2^20 that is less than 2^64/m: it orders slots as the rank
	// does.
	m := &c.members[k]
	scale := (c.modulus.reciprocal + 1) * uint64(m.inverse)
	base := scale * (c.modulus.m - uint64(m.offset))
	for j, slot := range slots {
		if r := scale*uint64(slot) + base; r < least {
			least, first = r, j
		}
	}
	return first
}

// claimOrder ranks members for a slot by the time at which they would claim it:
// (rank+1)/w.
type claimOrder struct {
	permutations

	index   []int32 // place to member, in order of ID
	weights []uint32
}

func (o *claimOrder) bid(place, slot int) bid {
	return bid{cost: o.rank(place, uint64(slot)) + 1, weight: uint64(o.weights[place]), place: place}
}

// next implements preference.
func (o *claimOrder) next(slot int, owner, after int32) int32 {
	next := runnerUp{}
	if after != owner {
		last := slices.Index(o.index, after)
		if last < 0 {
			return -1
		}
		next.bound = o.bid(last, slot)
	}
	for place, member := range o.index {
		switch b := o.bid(place, slot); {
		case member == owner || !next.wants(b):
		case next.leads(b):
			next.best = b
		default:
			next.offer(b)
		}
	}
	return next.member(o.index)
}

// turns returns the order in which members of unequal weights claim at least
// the first size slots, as places of the line-up. If that takes more turns, the
// order repeats. The k-th turn of weight w, with k from 1, is at time k/w,
// compared exactly. Turns at the same time go in order of place.
func turns(l *lineup, size uint64) []uint16 {
	// At time t members have taken sum(floor(t*w)) turns, which is more than
	// t*total - members. So the turns up to time (size+members)/total are
	// enough, or those up to time 1, when the order repeats.
	horizon := min(l.total, size+uint64(len(l.index)))

	// Turn k of weight w is about number k*total/w of all. That number never
	// falls with k/w: sort by it, by counting.
	starts := make([]uint32, horizon+2)
	for _, w := range l.weights {
		for k, last := uint64(1), horizon*uint64(w)/l.total; k <= last; k++ {
			starts[k*l.total/uint64(w)+1]++
		}
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	type turn struct {
		k     uint32
		place uint16
	}
	sorted := make([]turn, starts[horizon+1])
	for place, w := range l.weights {
		for k, last := uint64(1), horizon*uint64(w)/l.total; k <= last; k++ {
			at := &starts[k*l.total/uint64(w)]
			sorted[*at] = turn{uint32(k), uint16(place)}
			*at++
		}
	}

	// Sort the few turns that share a number by their exact time. Each start is
	// the end of its number's turns by now.
	compare := func(a, b turn) int {
		x, y := uint64(a.k)*uint64(l.weights[b.place]), uint64(b.k)*uint64(l.weights[a.place])
		switch {
		case x < y || x == y && a.place < b.place:
			return -1
		case x == y && a.place == b.place:
			return 0
		}
		return 1
	}
	begin := uint32(0)
	for _, end := range starts[:horizon+1] {
		if end > begin+1 {
			slices.SortFunc(sorted[begin:end], compare)
		}
		begin = end
	}
	order := make([]uint16, min(uint64(len(sorted)), max(size, l.total)))
	for i := range order {
		order[i] = sorted[i].place
	}
	return order
}
