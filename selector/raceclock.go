package selector

import (
	"math/bits"
	"sync"
)

// raceClock returns the clock of a race for 2^k slots: clock[r] is the time, in
// units of 2^-58, at which a member of weight 1 reaches rank r; one of weight w
// is w times as fast. They are the expected times of a race in which a member
// draws an exponential time for each slot: 1/M, 1/M + 1/(M-1), and so on; half
// of 1/M earlier, which is the middle of the first step. A linear clock would
// give heavy members too much, since members slow down as they run out of
// slots.
//
// A clock is made, in 8 bytes a slot, when the first group of unequal weights
// and this size is built, and shared by all.
func raceClock(k int) []uint64 { return raceClocks[k]() }

//nolint:gochecknoglobals // constants, too long to write
var raceClocks = func() (clocks [maxSlotBits + 1]func() []uint64) {
	for k := range clocks {
		clocks[k] = sync.OnceValue(func() []uint64 { return newRaceClock(1 << k) })
	}
	return clocks
}()

const maxSlotBits = 22

func newRaceClock(slots uint64) []uint64 {
	clock := make([]uint64, slots)
	clock[0] = 1 << 57 / slots
	for r := uint64(1); r < slots; r++ {
		clock[r] = clock[r-1] + 1<<58/(slots-r)
	}
	return clock // at most 16*2^58
}

// raceOrder is the order in which the members of a line-up reach slots.
type raceOrder struct {
	permutations []quadratic // by place
	weights      []uint32
	ties         []uint32 // the position of each place in order of the third hash, then of ID
	clock        []uint64 // nil at equal weights, where any clock will do, such as the rank itself
	mask         uint32   // slots-1
}

// An arrival is the event that a member reaches a slot, at time/weight.
type arrival struct {
	time, weight uint64
	rank, place  uint32
}

func (o *raceOrder) arrival(place, rank uint32) arrival {
	return arrival{o.time(rank), uint64(o.weights[place]), rank, place}
}

func (o *raceOrder) time(rank uint32) uint64 {
	if o.clock == nil {
		return uint64(rank)
	}
	return o.clock[rank]
}

// at returns the arrival of a member at a slot.
func (o *raceOrder) at(place, slot uint32) arrival {
	return o.arrival(place, o.permutations[place].rank(slot)&o.mask)
}

// before reports whether a is before b: by time; then by rank; then by
// tie-break, forwards in even ranks and backwards in odd ones, so that no
// member is first in more than half of its ranks.
func (o *raceOrder) before(a, b *arrival) bool {
	hi, lo := bits.Mul64(a.time, b.weight)
	hj, lj := bits.Mul64(b.time, a.weight)
	switch {
	case hi != hj:
		return hi < hj
	case lo != lj:
		return lo < lj
	case a.rank != b.rank:
		return a.rank < b.rank
	case a.rank%2 == 0:
		return o.ties[a.place] < o.ties[b.place]
	}
	return o.ties[a.place] > o.ties[b.place]
}
