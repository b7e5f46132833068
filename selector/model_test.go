package selector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// randomGroup returns n members in random order, with weights of a random kind:
// equal, small, with drained ones, large.
func randomGroup(r *rand.Rand, n int) []selector.Member {
	kind := r.IntN(5)
	group := make([]selector.Member, n)
	for i := range group {
		group[i] = selector.Member{ID: fmt.Sprintf("%x-%d", r.Uint32(), i)}
		switch kind {
		case 0:
			group[i].Weight = 6
		case 1:
			group[i].Weight = 1 + r.Uint32N(10)
		case 2:
			group[i].Weight = r.Uint32N(3)
		case 3:
			group[i].Weight = r.Uint32N(selector.MaxWeight / uint32(n))
		case 4:
			group[i].Weight = 1 << r.Uint32N(20)
		}
	}
	group[r.IntN(n)].Weight |= 1
	return group
}

func modelled(group []selector.Member) []place.Member {
	list := make([]place.Member, len(group))
	for i, m := range group {
		list[i] = place.Member(m)
	}
	return list
}

// probes returns random hashes, hashes of 32 bits in the high half, and extreme
// ones.
func probes(r *rand.Rand, n int) []uint64 {
	list := []uint64{0, 1, 1 << 32, 1<<33 - 1, 1 << 33, 1 << 63, 1<<63 - 1, math.MaxUint64}
	for range n {
		list = append(list, r.Uint64(), r.Uint64()<<32)
	}
	return list
}

func build(t *testing.T, s selector.Strategy, group []selector.Member) selector.Selector {
	t.Helper()
	built, err := selector.New(s, group)
	require.NoError(t, err)
	return built
}

// order walks a Ranker.
func order(built selector.Selector, h uint64) []int {
	r := built.(selector.Ranker)
	var list []int
	for m := r.Select(h); m >= 0 && len(list) < 1<<16; m = r.Next(h, m) {
		list = append(list, int(m))
	}
	return list
}

// TestEqualWeightsPlaceAsOne compares the fast path of equal weights, whatever
// the weight, with the general one: a drained member of a group does not change
// who the others are, and neither does a common factor.
func TestEqualWeightsPlaceAsOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	for _, row := range catalog.All() {
		s := row.Strategy
		one := selector.Equal("a", "b", "c", "d", "e", "f", "g")
		drained, many := append(selector.Equal("bb"), one...), selector.Equal("a", "b", "c", "d", "e", "f", "g")
		drained[0].Weight = 0
		for i := range many {
			many[i].Weight = 600_000_000
		}
		a, b, c := build(t, s, one), build(t, s, drained), build(t, s, many)
		for _, h := range probes(r, 10_000) {
			want := a.Select(h)
			require.Equal(t, want, b.Select(h)-1, "%T", s)
			require.Equal(t, want, c.Select(h), "%T", s)
		}
	}
}

func TestRFC2992Baselines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	const samples = 400_000
	group := func(n int) []selector.Member {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("%03d", i))
		}
		return selector.Equal(ids...)
	}
	// moved returns the part of all hashes that move when member i of n leaves.
	moved := func(s selector.Strategy, n, i int) float64 {
		before := group(n)
		after := append(group(n)[:i], before[i+1:]...)
		a, b := build(t, s, before), build(t, s, after)
		count := 0
		for range samples {
			if h := r.Uint64(); before[a.Select(h)].ID != after[b.Select(h)].ID {
				count++
			}
		}
		return float64(count) / samples
	}
	const tolerance = 5 * 0.5 / 632 // standard deviations of a share of 1/2 in 400,000
	for _, n := range []int{4, 8, 10} {
		assert.InDelta(t, float64(n-1)/float64(n), moved(selector.Modulo{}, n, n-1), tolerance, "Modulo, %d", n)
		assert.InDelta(t, 1/float64(n), moved(selector.Rendezvous{}, n, n/2), tolerance, "Rendezvous, %d", n)
		assert.InDelta(t, 1/float64(n), moved(selector.Jump{}, n, n-1), tolerance, "Jump, last of %d", n)
		assert.InDelta(t, 0.5, moved(selector.Threshold{}, n, 0), tolerance, "Threshold, first of %d", n)
		assert.InDelta(t, 0.5, moved(selector.Threshold{}, n, n-1), tolerance, "Threshold, last of %d", n)
	}
	for _, n := range []int{3, 5, 9, 101} {
		assert.InDelta(t, 0.25+0.25/float64(n), moved(selector.Threshold{}, n, n/2), tolerance,
			"Threshold, middle of %d", n)
	}
	for n, want := range map[int]float64{4: 1. / 3, 8: 2. / 7, 10: 5. / 18} {
		assert.InDelta(t, want, moved(selector.Threshold{}, n, n/2), tolerance, "Threshold, middle of %d", n)
	}
	// Adding a fourth member to three, by modulo: three in four hashes move.
	assert.InDelta(t, 0.75, moved(selector.Modulo{}, 4, 3), tolerance)
}

// TestWeightError measures shares against weights 1:2:3:10; the root of the
// mean square error must be within 0.7 % where a strategy claims to share
// exactly.
func TestWeightError(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(1, 7))
	const samples = 2_000_000
	for _, row := range catalog.All() {
		if row.EqualOnly || row.Imbalance() > 0 {
			continue
		}
		s := row.Strategy
		group := selector.Equal("a", "b", "c", "d", "e")
		for i, w := range []uint32{1, 2, 3, 0, 10} {
			group[i].Weight = w
		}
		built := build(t, s, group)
		count := make([]float64, len(group))
		for range samples {
			count[built.Select(r.Uint64())]++
		}
		square := 0.0
		for i, m := range group {
			if m.Weight == 0 {
				assert.Zero(t, count[i], "%T selects a drained member", s)
				continue
			}
			e := count[i]/(samples*float64(m.Weight)/16) - 1
			square += e * e / 4
		}
		assert.LessOrEqual(t, math.Sqrt(square), 0.007, "%T", s)
	}
}

// TestRepetitiveToeplitz: the hashes of a Toeplitz key that repeats 6d5a are
// multiples of 65537. In the high half they must not all meet one slot of a
// table of 65537.
func TestRepetitiveToeplitz(t *testing.T) {
	group := selector.Equal("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
	for _, row := range catalog.All() {
		built := build(t, row.Strategy, group)
		count := make([]float64, len(group))
		for i := range uint64(65536) {
			count[built.Select(i*65537<<32)]++
		}
		for i, n := range count {
			// 0.07 is over 5 standard deviations of a random draw
			assert.InEpsilon(t, 6553.6, n, 0.07+3*row.Imbalance(), "%s, member %d", row.Name, i)
		}
	}
}
