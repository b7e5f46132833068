package selector

import "fmt"

// Threshold is hash-threshold (RFC 2992), as Linux rounds it: the 31 high bits
// of the hash lie in one of N regions, whose sizes are in proportion to the
// weights. Region i ends at bound_i = (W_i*2^31 + W/2)/W - 1 in integers, where
// W_i is the sum of the weights up to member i and W that of all. A hash
// belongs to the first i with h>>33 <= bound_i.
//
// A look-up takes O(1) time at equal weights, O(log N) otherwise. Memory is
// O(N). The balance is exact, but a member due less than a 2^31st part may own
// no hash. Placement is history-free. When one of N members leaves, a quarter
// to a half of all hashes move, the fewest for a member in the middle.
//
// Choose it to predict a router whose kernel or chip does the same.
type Threshold struct {
	// KeepOrder lays the regions out in the order given instead of in order of
	// ID. Placement then depends on that order, and is that of a Linux next-hop
	// group (mpath) of the same order and weights, bit for bit.
	KeepOrder bool
}

// Build implements [Strategy]. The errors are those of [Validate].
func (t Threshold) Build(members []Member) (Selector, error) {
	l, err := newLineup(members, t.KeepOrder)
	if err != nil {
		return nil, err
	}
	if l.equal() {
		return &equalThreshold{uint64(len(l.index)), l.mapping()}, nil
	}
	return &weightedThreshold{regions(&l)}, nil
}

// Ordered implements [Ordered].
func (t Threshold) Ordered() bool { return t.KeepOrder }

// String returns the strategy as [ParseStrategy] reads it.
func (t Threshold) String() string { return strategyText(t) }

func (t Threshold) identity() string { return withOrder("threshold", t.KeepOrder) }

// regions returns the regions of the members. They do not depend on a common
// factor of the weights, since a bound is a rounded quotient of weights.
func regions(l *lineup) spans {
	ends, sum := make([]uint32, len(l.index)), uint64(0)
	for k, w := range l.weights {
		sum += uint64(w)
		ends[k] = uint32((sum<<31 + l.total/2) / l.total)
	}
	return newSpans(ends, l.index)
}

type equalThreshold struct {
	n       uint64
	mapping []int32
}

// region solves the bounds of n equal members for i, with x = h>>33. The first
// i with x <= bound_i is the least i with x+1 <= (i+1)*2^31/n + 1/2, that is
// (2x+1)*n <= (i+1)*2^32. The two sides are never equal, since 2x+1 is odd and
// n is small; hence i = floor((2x+1)*n/2^32).
func (s *equalThreshold) region(h uint64) uint64 { return (h>>32 | 1) * s.n >> 32 }

func (s *equalThreshold) Select(h uint64) int32 { return memberAt(s.mapping, int(s.region(h))) }

func (*equalThreshold) readsHighBits() {}

func (s *equalThreshold) String() string { return fmt.Sprintf("threshold of %d regions", s.n) }

func (s *equalThreshold) SelectBatch(dst []int32, hashes []uint64) {
	dst = window(dst, len(hashes))
	if s.mapping == nil {
		for i, h := range hashes {
			dst[i] = int32(s.region(h))
		}
		return
	}
	for i, h := range hashes {
		dst[i] = s.mapping[s.region(h)]
	}
}

type weightedThreshold struct{ regions spans }

func (s *weightedThreshold) Select(h uint64) int32 { return s.regions.find(uint32(h >> 33)) }

func (*weightedThreshold) readsHighBits() {}

func (s *weightedThreshold) String() string {
	return fmt.Sprintf("threshold of %d regions", len(s.regions.ends))
}

func (s *weightedThreshold) SelectBatch(dst []int32, hashes []uint64) {
	selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
}
