package selector_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

// TestRingAtPoints looks up the points themselves and their neighbours.
func TestRingAtPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 3))
	for _, n := range []int{1, 2, 3, 50} {
		group := selector.Equal(names(r, n)...)
		ring := build(t, selector.Ring{Points: 1}, group)
		model := modelled(group)
		low, high := uint64(0), ^uint64(0) // bisects for where the owner of 0 ends
		for first := ring.Select(0); low < high; {
			if mid := low + (high-low)/2; ring.Select(mid) == first {
				low = mid + 1
			} else {
				high = mid
			}
		}
		for _, h := range []uint64{low - 2, low - 1, low, low + 1, 0, ^uint64(0)} {
			require.Equal(t, place.Ring(model, 1, 0, h), order(ring, h), "%d members, %#x", n, h)
		}
	}
}

// TestRingAndMultiProbeAreMinimal on changes of one member that keep the common
// divisor.
func TestRingAndMultiProbeAreMinimal(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 4))
	list := probes(r, 3000)
	for _, s := range []selector.Strategy{selector.Ring{}, selector.MultiProbe{}} {
		group := selector.Equal(names(r, 20)...)
		for i := range group {
			group[i].Weight = []uint32{1, 2, 3, 10}[i%4]
		}
		whole := build(t, s, group)
		for i := range group {
			less, more := slices.Clone(group), slices.Clone(group)
			less[i].Weight--
			more[i].Weight++
			without, with := build(t, s, less), build(t, s, more)
			for _, h := range list {
				before := whole.Select(h)
				if after := without.Select(h); after != before {
					require.EqualValues(t, i, before, "%T", s)
				}
				if after := with.Select(h); after != before {
					require.EqualValues(t, i, after, "%T", s)
				}
			}
		}
	}
}

func TestRingAndMultiProbeRefuse(t *testing.T) {
	group := selector.Equal("a", "b")
	_, err := selector.Ring{Points: selector.MaxPoints + 1}.Build(group)
	require.ErrorIs(t, err, selector.ErrParameter)
	require.EqualError(t, err, "selector: parameter out of range: 4097 (limit 4096)")
	_, err = selector.MultiProbe{Probes: selector.MaxProbes + 1}.Build(group)
	require.ErrorIs(t, err, selector.ErrParameter)
	require.EqualError(t, err, "selector: parameter out of range: 1025 (limit 1024)")
}
