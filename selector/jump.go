package selector

import (
	"fmt"
	"math/bits"
)

// Jump is jump consistent hashing (Lamping and Veach, "A Fast, Minimal Memory,
// Consistent Hash Algorithm", 2014) over the members in order of ID. Member i
// owns the next w_i of W buckets, where weights are divided by their greatest
// common divisor. At equal weights the bucket is that of
// github.com/dgryski/go-jump, bit for bit.
//
// A look-up takes O(log W) time, and O(log N) more at unequal weights. Memory
// is O(N) at most. The balance is that of a random draw.
//
// Placement is history-free, but depends on positions: a change moves only what
// must move where members join, leave or change weight at the end of the order
// of IDs. Elsewhere it shifts every member behind it, and most of their hashes
// move. The paper's remedy, to put the last member in the place of the one that
// leaves, would make placement depend on history. A change of the common
// divisor rescales all buckets.
//
// Choose Jump where members are numbered and only the last come and go, or
// where memory counts; else choose [Bounded] or [Rendezvous].
type Jump struct{}

// Build implements [Strategy]. The errors are those of [Validate].
func (Jump) Build(members []Member) (Selector, error) {
	l, err := newLineup(members, false)
	if err != nil {
		return nil, err
	}
	if l.equal() {
		return &equalJump{l.total, l.mapping()}, nil
	}
	return &weightedJump{equalJump{n: l.total}, weightSpans(&l)}, nil
}

// String returns the strategy as [ParseStrategy] reads it.
func (j Jump) String() string { return strategyText(j) }

func (Jump) identity() string { return "jump" }

// roundedJump returns floor(b * (2^31/r)), where quotient and product are
// rounded as IEEE 754 doubles are: to the nearest number of 53 bits, ties to
// even.
func roundedJump(b, r uint64) uint64 {
	shift := 52 + bits.Len64(r) // puts the quotient 2^shift/r between 2^52 and 2^53
	hi, lo := uint64(0), uint64(1)<<(shift&63)
	if shift >= 64 {
		hi, lo = lo, 0
	}
	quotient, rest := bits.Div64(hi, lo, r)
	if 2*rest > r || 2*rest == r && quotient&1 == 1 {
		quotient++
	}
	hi, lo = bits.Mul64(b, quotient)
	length := bits.Len64(lo)
	if hi > 0 {
		length = 64 + bits.Len64(hi)
	}
	if length > 53 {
		unit := uint64(1) << (length - 53)
		even := lo / unit & 1 // rounds a tie up if the last bit kept is odd
		sum, carry := bits.Add64(lo, unit/2-1+even, 0)
		hi, lo = hi+carry, sum&^(unit-1)
	}
	down := shift - 31 // from 22 to 53
	return hi<<(64-down) | lo>>down
}

type equalJump struct {
	n       uint64
	mapping []int32
}

// Select jumps to a bucket out of n, which must be from 1 to 2^32-1. If b is
// the bucket of the key among fewer buckets, the paper's next one is floor(B *
// (2^31/R)) with B = b+1 and a random R from 1 to 2^31, in floating point,
// which rounds twice. Here it is a product of integers, whose reciprocal does
// not wait for B. The rounding is imitated in the rare cases in which it
// matters.
func (s *equalJump) Select(h uint64) int32 {
	key, n := h, s.n
	// The floating-point result differs from the quotient by less than 2^-52 of
	// it: less than this, in units of 2^-32.
	doubt := n>>20 + 1
	for b := uint64(1); ; {
		key = key*2862933555777941757 + 1
		r := key>>33 + 1
		reciprocal := 1 << 63 / r
		if b<<31 > n*r+b>>21 { // the quotient is beyond n, rounded or not
			return memberAt(s.mapping, int(b-1))
		}
		product := b * reciprocal // 2^32 times the quotient, or up to b less
		next, fraction := product>>32, product&(1<<32-1)
		if fraction < doubt || fraction+b+doubt >= 1<<32 {
			next = roundedJump(b, r)
		}
		if next >= n {
			return memberAt(s.mapping, int(b-1))
		}
		b = next + 1
	}
}

func (s *equalJump) String() string { return fmt.Sprintf("jump of %d buckets", s.n) }

func (s *equalJump) SelectBatch(dst []int32, hashes []uint64) {
	selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
}

type weightedJump struct {
	buckets equalJump
	spans   spans
}

func (s *weightedJump) Select(h uint64) int32 { return s.spans.find(uint32(s.buckets.Select(h))) }

func (s *weightedJump) String() string { return s.buckets.String() }

func (s *weightedJump) SelectBatch(dst []int32, hashes []uint64) {
	selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
}
