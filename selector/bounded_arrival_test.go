package selector

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/racecheck"
)

func TestQuadraticIsPermutation(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(7, 1))
	for range 12 {
		mask := uint32(1)<<(6+r.IntN(12)) - 1
		q := newQuadratic(r.Uint32(), r.Uint32()|1, r.Uint32())
		seen := make([]bool, mask+1)
		for rank := range mask + 1 {
			slot := q.slot(rank) & mask
			require.False(t, seen[slot], "%+v, rank %d", q, rank)
			seen[slot] = true
			require.Equal(t, rank, q.rank(slot)&mask, "%+v", q)
			require.Equal(t, q.slot(rank+1), q.slot(rank)+q.step(rank))
		}
	}
	const mask = 1<<maxSlotBits - 1
	for range 50_000 {
		q := newQuadratic(r.Uint32(), r.Uint32()|1, r.Uint32())
		rank := r.Uint32() & mask
		require.Equal(t, rank, q.rank(q.slot(rank)&mask)&mask, "%+v", q)
	}
}

// TestRaceClock: the clock of the largest table rises, is as long as promised
// and about the natural logarithm.
func TestRaceClock(t *testing.T) {
	clock := raceClock(maxSlotBits)
	require.Len(t, clock, 1<<maxSlotBits)
	for r := 1; r < len(clock); r++ {
		if clock[r] <= clock[r-1] {
			require.Greater(t, clock[r], clock[r-1], r)
		}
	}
	require.Less(t, clock[len(clock)-1], uint64(1)<<62)
	// Half of the slots are reached at ln 2.
	require.InEpsilon(t, 0.6931471805599453*(1<<58), clock[len(clock)/2], 1e-6)
}

// TestArrivalOrder: equal times of unequal weights hardly happen, and have an
// order all the same.
func TestArrivalOrder(t *testing.T) {
	arrival := func(time uint64, weight, rank, place uint32) bid {
		o := raceOrder{
			ties: []uint32{1, 0}, weights: slices.Repeat([]uint32{weight}, 2), clock: slices.Repeat([]uint64{time}, 10),
		}
		return o.arrival(place, rank)
	}
	for _, c := range []struct {
		name string
		a, b bid
	}{
		{"time", arrival(5, 3, 9, 0), arrival(2, 1, 0, 1)},
		{"time, beyond 64 bits", arrival(1<<62-1, 1<<31, 9, 0), arrival(1<<62, 1<<31, 9, 1)},
		{"rank", arrival(6, 3, 4, 0), arrival(2, 1, 5, 1)},
		{"even rank", arrival(2, 1, 4, 1), arrival(2, 1, 4, 0)},
		{"odd rank", arrival(2, 1, 5, 0), arrival(2, 1, 5, 1)},
	} {
		require.True(t, c.a.before(c.b), c.name)
		require.False(t, c.b.before(c.a), c.name)
	}
}
