package selector

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCapsAddUp: to the table and the slack, or more if a single member is due
// more than the table.
func TestCapsAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	for range 500 {
		n := 1 + r.IntN(100)
		l := lineup{weights: make([]uint32, n)}
		hashes := make([]boundedHashes, n)
		for k := range n {
			l.weights[k] = 1 + r.Uint32N(1<<r.IntN(25))
			l.total += uint64(l.weights[k])
			hashes[k].share = r.Uint64() >> 60 << 60 // many ties
		}
		size, slack := uint64(1)<<(7+r.IntN(16)), Slack(r.Uint32N(2000))
		if slack == 1 {
			slack = NoSlack
		}
		all, sum, cut := (size*(1000+slack.thousandths())+999)/1000, uint64(0), false
		for k, c := range boundedCaps(&l, size, slack, hashes) {
			due := all * uint64(l.weights[k])
			require.LessOrEqual(t, uint64(c), due/l.total+1)
			require.GreaterOrEqual(t, uint64(c), min(due/l.total, size))
			sum += uint64(c)
			cut = cut || uint64(c) == size
		}
		if cut {
			require.GreaterOrEqual(t, sum, size)
		} else {
			require.Equal(t, all, sum)
		}
	}
}

// TestFloorsAddUp: to the whole part of their sum, or less where a cap is below
// a floor; each is its target to within a slot. UnlimitedSlack and NoSlack have
// none.
func TestFloorsAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 500 {
		n := 1 + r.IntN(100)
		l := lineup{weights: make([]uint32, n)}
		hashes := make([]boundedHashes, n)
		for k := range n {
			l.weights[k] = 1 + r.Uint32N(1<<r.IntN(25))
			l.total += uint64(l.weights[k])
			hashes[k].share = r.Uint64() >> 60 << 60 // many ties
		}
		size, slack := uint64(1)<<(7+r.IntN(16)), Slack(1+r.Uint32N(2000))
		caps := boundedCaps(&l, size, slack, hashes)
		sum, targets, cut := 0.0, 0.0, false
		for k, f := range boundedFloors(&l, size, slack, hashes, caps) {
			due := float64(size) * float64(l.weights[k]) / float64(l.total)
			target := max(due*3/4, min(due, 1))
			require.LessOrEqual(t, f, caps[k])
			require.InDelta(t, target, float64(f), 1)
			require.LessOrEqual(t, due*3/4, float64(f)+1)
			if due >= 1 {
				require.Positive(t, f)
			}
			sum, targets, cut = sum+float64(f), targets+target, cut || f == caps[k]
		}
		require.LessOrEqual(t, sum, float64(size))
		if !cut {
			require.InDelta(t, targets, sum, 1)
		}
		require.Nil(t, boundedFloors(&l, size, UnlimitedSlack, hashes, caps))
		require.Nil(t, boundedFloors(&l, size, NoSlack, hashes, caps))
	}
}

func TestSelectFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 3000 {
		list := make([]int, 1+r.IntN(60))
		for i := range list {
			list[i] = r.IntN(1 + r.IntN(100))
		}
		want, n := slices.Sorted(slices.Values(list)), r.IntN(len(list)+1)
		selectFirst(list, n, cmp.Compare[int])
		slices.Sort(list[:n])
		require.Equal(t, want[:n], list[:n])
		slices.Sort(list)
		require.Equal(t, want, append([]int(nil), list...))
	}
}
