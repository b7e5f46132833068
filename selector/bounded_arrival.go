package selector

import "sync"

// raceClock returns the clock of a race for 2^k slots: a member of weight w
// reaches rank r at the time clock[r]/w, in units of 2^-58. These are the
// expected times of a race in which a member draws an exponential time for each
// slot: 1/M, 1/M + 1/(M-1) and so on, all moved half of the first step ahead. A
// linear clock would give heavy members too much, since members slow down as
// they run out of slots.
//
// A clock takes 8 bytes a slot. It is made when the first group of unequal
// weights and this size is built, and shared by all.
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

// arrival returns a member's bid for the slot that it reaches at a rank. It is
// compared by time, then by rank, then by the member's position in ties:
// ascending at even ranks and descending at odd ones, so that no member is
// first in more than half of its ranks.
func (o *raceOrder) arrival(place, rank uint32) bid {
	tie := o.ties[place] ^ -(rank & 1)
	return bid{o.time(rank), uint64(o.weights[place]), uint64(rank)<<32 | uint64(tie), int(place)}
}

func (o *raceOrder) time(rank uint32) uint64 {
	if o.clock == nil {
		return uint64(rank)
	}
	return o.clock[rank]
}

// at returns the arrival of a member at a slot.
func (o *raceOrder) at(place, slot uint32) bid {
	return o.arrival(place, o.permutations[place].rank(slot)&o.mask)
}

// quadratic is a permutation of the slots 0 to 2^k-1: slot(r) = offset +
// linear*r + square*r^2 modulo 2^k, where linear is odd and square is even.
// Such quadratic permutation polynomials serve as interleavers in LTE (Sun and
// Takeshita 2005). All methods work modulo 2^32 and leave it to the caller to
// mask.
//
// The simpler arithmetic progressions would not do: two of them with related
// steps meet on slot after slot, always in the same order.
type quadratic struct{ offset, linear, square uint32 }

// newQuadratic returns the permutation offset + skip*r + 2*bend*r*(r-1).
func newQuadratic(offset, skip, bend uint32) quadratic {
	return quadratic{offset, skip - 2*bend, 2 * bend}
}

func (q *quadratic) slot(rank uint32) uint32 {
	return q.offset + rank*(q.linear+q.square*rank)
}

// step returns slot(rank+1) - slot(rank), which grows by 2*square a rank.
func (q *quadratic) step(rank uint32) uint32 {
	return q.linear + q.square*(2*rank+1)
}

// rank returns the rank of a slot, right in the lowest 24 bits, by Newton's
// method in 2-adic numbers. Each round doubles the number of right bits of the
// root and of the inverse of the slope.
func (q *quadratic) rank(slot uint32) uint32 {
	d, a, b := slot-q.offset, q.linear, q.square
	// Modulo 8: a is its own inverse, as every odd number, and b*r^2 = b*d,
	// since b is even and r is odd where d is.
	r := a * (d - b*(d&1))
	inverse := a + 2*b*r
	r -= (r*(a+b*r) - d) * inverse // 6 bits
	inverse *= 2 - (a+2*b*r)*inverse
	r -= (r*(a+b*r) - d) * inverse // 12 bits
	inverse *= 2 - (a+2*b*r)*inverse
	r -= (r*(a+b*r) - d) * inverse // 24 bits
	return r
}
