package selector

import (
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuadraticIsPermutation(t *testing.T) {
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

// TestArrivalOrder: equal times of unequal weights hardly happen, and have an
// order all the same.
func TestArrivalOrder(t *testing.T) {
	o := raceOrder{ties: []uint32{1, 0}}
	for _, c := range []struct {
		name string
		a, b arrival
	}{
		{"time", arrival{5, 3, 9, 0}, arrival{2, 1, 0, 1}},
		{"time, beyond 64 bits", arrival{1<<62 - 1, 1 << 31, 9, 0}, arrival{1 << 62, 1 << 31, 9, 1}},
		{"rank", arrival{6, 3, 4, 0}, arrival{2, 1, 5, 1}},
		{"even rank", arrival{2, 1, 4, 1}, arrival{2, 1, 4, 0}},
		{"odd rank", arrival{2, 1, 5, 0}, arrival{2, 1, 5, 1}},
	} {
		require.True(t, o.before(&c.a, &c.b), c.name)
		require.False(t, o.before(&c.b, &c.a), c.name)
	}
}

// TestWindowLimit: an arrival is in a window if time*unit < now*weight.
func TestWindowLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	for range 30_000 {
		race := race{unit: 1 << r.IntN(32), now: r.Uint64() >> (1 + r.IntN(62))}
		weight := race.unit + r.Uint64N(1<<32-race.unit)
		limit := race.limit(weight)
		inside := func(time uint64) bool {
			hi, lo := bits.Mul64(time, race.unit)
			hj, lj := bits.Mul64(race.now, weight)
			return hi < hj || hi == hj && lo < lj
		}
		require.True(t, limit == 0 || inside(limit-1), "%+v, %d", race, weight)
		require.True(t, limit == ^uint64(0) || !inside(limit), "%+v, %d", race, weight)
	}
}
