package selector

import (
	"fmt"
	"math/bits"
)

// Modulo is modulo-N hashing (RFC 2991, section 3; RFC 2992): the high 32 bits
// of the hash, modulo the sum W of the weights. Weights are divided by their
// greatest common divisor first; member i owns the next w_i residues.
//
// A look-up takes O(1) time at equal weights, O(log N) otherwise. Memory is
// O(N). The balance is exact. Placement is history-free, but on any change
// nearly every hash moves: (N-1)/N of all when one of N leaves.
//
// It is the baseline, and reproduces devices that work so. Use another strategy
// where flows should stay.
type Modulo struct {
	// KeepOrder places the members in the order given instead of in order of
	// ID, as devices do that number their next hops as they learn them.
	// Placement then depends on that order.
	KeepOrder bool
}

// Build implements [Strategy]. The errors are those of [Validate].
func (m Modulo) Build(members []Member) (Selector, error) {
	l, err := newLineup(members, m.KeepOrder)
	if err != nil {
		return nil, err
	}
	d := newDivisor(l.total)
	if l.equal() {
		return &equalModulo{d, l.mapping()}, nil
	}
	return &weightedModulo{d, weightSpans(&l)}, nil
}

// Ordered implements [Ordered].
func (m Modulo) Ordered() bool { return m.KeepOrder }

// String returns the strategy as [ParseStrategy] reads it.
func (m Modulo) String() string { return strategyText(m) }

func (m Modulo) identity() string { return withOrder("modulo", m.KeepOrder) }

// withOrder appends to the identity of an algorithm whether it keeps the order
// given.
func withOrder(identity string, keepOrder bool) string {
	if keepOrder {
		return identity + "/keep-order"
	}
	return identity
}

// divisor takes remainders of 32-bit numbers with two multiplications, exactly
// (Lemire, Kaser and Kurz, "Faster remainder by direct computation", 2019).
type divisor struct {
	n          uint64
	reciprocal uint64 // ceil(2^64/n), which is 0 for n of 1 and right as well
}

func newDivisor(n uint64) divisor { return divisor{n, ^uint64(0)/n + 1} }

func (d divisor) remainder(x uint32) uint32 {
	r, _ := bits.Mul64(d.reciprocal*uint64(x), d.n)
	return uint32(r)
}

type equalModulo struct {
	divisor divisor
	mapping []int32
}

func (s *equalModulo) Select(h uint64) int32 {
	return memberAt(s.mapping, int(s.divisor.remainder(uint32(h>>32))))
}

func (*equalModulo) readsHighBits() {}

func (s *equalModulo) String() string { return fmt.Sprintf("modulo %d", s.divisor.n) }

func (s *equalModulo) SelectBatch(dst []int32, hashes []uint64) {
	dst = window(dst, len(hashes))
	if s.mapping == nil {
		for i, h := range hashes {
			dst[i] = int32(s.divisor.remainder(uint32(h >> 32)))
		}
		return
	}
	for i, h := range hashes {
		dst[i] = s.mapping[s.divisor.remainder(uint32(h>>32))]
	}
}

type weightedModulo struct {
	divisor divisor
	spans   spans
}

func (s *weightedModulo) Select(h uint64) int32 {
	return s.spans.find(s.divisor.remainder(uint32(h >> 32)))
}

func (*weightedModulo) readsHighBits() {}

func (s *weightedModulo) String() string { return fmt.Sprintf("modulo %d", s.divisor.n) }

func (s *weightedModulo) SelectBatch(dst []int32, hashes []uint64) {
	selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
}
