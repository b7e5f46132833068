package selector

import (
	"math/bits"
	"sync"
)

// weightedRendezvous selects the member with the least -log2(u)/w, compared
// exactly. Of equals, the one with the greater draw wins, then the first. At
// equal weights that is the order of draws, since the logarithm never rises
// with the draw.
type weightedRendezvous struct {
	draws
	weights []uint32
	log     *[logSteps + 1]uint64
}

// bid returns a member's bid for a hash that went through spread: its cost is
// -log2(u), times 2^logBits, where u is its draw.
func (s *weightedRendezvous) bid(h uint64, place int) bid {
	u := draw(h, s.seeds[place])
	return bid{cost: cost(s.log, u), weight: uint64(s.weights[place]), tie: ^u, place: place}
}

func (s *weightedRendezvous) Select(h uint64) int32 {
	h = spread(h)
	best := s.bid(h, 0)
	for k := 1; k < len(s.seeds); k++ {
		// Most members need no logarithm: -log2(u) is at least 1-u, and that
		// alone is too much.
		u := draw(h, s.seeds[k])
		if less(best.cost, uint64(s.weights[k]), ^u>>(64-logBits), best.weight) {
			continue
		}
		if b := s.bid(h, k); b.before(best) {
			best = b
		}
	}
	return memberAt(s.mapping, best.place)
}

func (s *weightedRendezvous) SelectBatch(dst []int32, hashes []uint64) {
	selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
}

// Next implements [Ranker]: members follow in order of -log2(u)/w. It is -1 for
// a drained or unknown member.
func (s *weightedRendezvous) Next(h uint64, after int32) int32 {
	last := s.placeOf(after)
	if last < 0 {
		return -1
	}
	h = spread(h)
	next := runnerUp{bound: s.bid(h, last)}
	for k := range s.seeds {
		if b := s.bid(h, k); next.wants(b) {
			next.offer(b)
		}
	}
	return next.member(s.mapping)
}

// The logarithm is interpolated between logSteps points; its numbers have
// logBits fraction bits.
const (
	logSteps = 1024
	logBits  = 48
)

// logTable returns floor(log2(1 + k/logSteps) * 2^logBits) for k from 0 to
// logSteps. It is made in integers when the first group of unequal weights is
// built: each squaring of a number from 1 to 2 shows one more bit of its
// logarithm.
var logTable = sync.OnceValue(func() *[logSteps + 1]uint64 { //nolint:gochecknoglobals // a constant, too long to write
	table := new([logSteps + 1]uint64)
	for k := range logSteps {
		x := uint64(1)<<63 + uint64(k)*(1<<63/logSteps) // 1 + k/logSteps in units of 2^-63
		for range logBits {
			hi, lo := bits.Mul64(x, x)
			table[k] <<= 1
			if hi>>63 == 1 { // the square is 2 or more
				table[k] |= 1
				x = hi
			} else {
				x = hi<<1 | lo>>63
			}
		}
	}
	table[logSteps] = 1 << logBits
	return table
})

// cost returns -log2(u/2^64) times 2^logBits, by linear interpolation. It never
// rises with u. Draws of 0 and 1 cost the same.
func cost(table *[logSteps + 1]uint64, u uint64) uint64 {
	u |= 1
	zeros := uint(bits.LeadingZeros64(u))
	fraction := u << 1 << (zeros & 63) // the bits after the leading one
	k := fraction / (1 << 64 / logSteps)
	rise, _ := bits.Mul64(fraction*logSteps, table[k+1]-table[k])
	return uint64(zeros+1)<<logBits - table[k] - rise
}
