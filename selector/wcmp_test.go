package selector_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// bestReduction tries all weights from 1 on that add up to at most size.
func bestReduction(members []selector.Member, size int) float64 {
	best := 1e300
	reduced := slices.Clone(members)
	var try func(i, left int)
	try = func(i, left int) {
		if i == len(members) {
			best = min(best, selector.Oversubscription(members, reduced))
			return
		}
		for w := 1; w <= left-(len(members)-1-i); w++ {
			reduced[i].Weight = uint32(w)
			try(i+1, left-w)
		}
	}
	try(0, size)
	return best
}

func weightSum(members []selector.Member) (sum int64) {
	for _, m := range members {
		sum += int64(m.Weight)
	}
	return sum
}

func TestReduceWeightsIsOptimal(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	for range 300 {
		group := selector.Equal(names(r, 1+r.IntN(4))...)
		for i := range group {
			group[i].Weight = 1 + r.Uint32N(1<<(1+r.Uint32N(12)))
		}
		size := len(group) + r.IntN(14)
		reduced, err := selector.ReduceWeights(group, size)
		require.NoError(t, err)
		require.LessOrEqual(t, weightSum(reduced), int64(size))
		require.InDelta(t, bestReduction(group, size), selector.Oversubscription(group, reduced), 1e-12, "%v to %d",
			group, size)
	}
}

func TestReduceWeightsBound(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 2))
	for range 200 {
		group := randomGroup(r, 1+r.IntN(50))
		n := len(positiveIDs(group))
		size := n + 1 + r.IntN(2000)
		reduced, err := selector.ReduceWeights(group, size)
		require.NoError(t, err)
		require.LessOrEqual(t, weightSum(reduced), int64(size))
		light := false
		for i, m := range group {
			require.Equal(t, m.Weight > 0, reduced[i].Weight > 0)
			require.Equal(t, m.ID, reduced[i].ID)
			light = light || m.Weight > 0 && float64(m.Weight)*float64(size) < float64(weightSum(group))
		}
		if !light {
			require.Less(t, selector.Oversubscription(group, reduced), 1+float64(n)/float64(size-n))
		}
		// Neither the order of members nor a common factor matters.
		other := slices.Clone(group)
		for i := range other {
			other[i].Weight = min(other[i].Weight, selector.MaxWeight/300)
		}
		want, err := selector.ReduceWeights(other, size)
		require.NoError(t, err)
		for i := range other {
			other[i].Weight *= 3
		}
		slices.Reverse(other)
		got, err := selector.ReduceWeights(other, size)
		require.NoError(t, err)
		slices.Reverse(got)
		require.Equal(t, want, got)
	}
}

func TestReduceWeights(t *testing.T) {
	group := selector.Equal("a", "b", "c", "d")
	for i, w := range []uint32{100, 201, 0, 299} {
		group[i].Weight = w
	}
	reduced, err := selector.ReduceWeights(group, 64)
	require.NoError(t, err)
	assert.Equal(t, []selector.Member{{ID: "a", Weight: 1}, {ID: "b", Weight: 2}, {ID: "c"}, {ID: "d", Weight: 3}},
		reduced)
	assert.InDelta(t, 600./598, selector.Oversubscription(group, reduced), 1e-12)
	reduced, err = selector.ReduceWeights(group, 600)
	require.NoError(t, err)
	assert.Equal(t, group, reduced, "they fit")
	for size, want := range map[int]string{
		2: "selector: bad table size: 2 (limit 3)", -1: "selector: bad table size: 0 (limit 3)",
		1<<24 + 1: "selector: bad table size: 16777217 (limit 16777216)",
	} {
		_, err = selector.ReduceWeights(group, size)
		require.ErrorIs(t, err, selector.ErrTableSize)
		require.EqualError(t, err, want)
	}
	_, err = selector.ReduceWeights(group[2:3], 9)
	require.ErrorIs(t, err, selector.ErrNoWeight)
}
