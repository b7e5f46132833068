package selector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

func TestLogTable(t *testing.T) {
	for k, got := range logTable() {
		require.Equal(t, place.LogStep(k).Uint64(), got, k)
	}
}

func TestCost(t *testing.T) {
	racecheck.OneGoroutine(t)
	random := rand.New(rand.NewPCG(3, 4))
	table := logTable()
	draws := []uint64{0, 1, 2, 3, 1 << 63, 1<<63 - 1, math.MaxUint64, math.MaxUint64 - 1}
	for range 20_000 {
		draws = append(draws, random.Uint64()>>random.Uint64N(64), ^(random.Uint64() >> random.Uint64N(64)))
	}
	for _, u := range draws {
		got := cost(table, u)
		require.Equal(t, place.Cost(u).Uint64(), got, "%#x", u)
		if u < math.MaxUint64 {
			require.GreaterOrEqual(t, got, cost(table, u+1), "rises at %#x", u)
		}
		exact := 64 - math.Log2(float64(u|1))
		if u >= 1<<63 {
			exact = -math.Log1p(-float64(^u)/(1<<64)) / math.Ln2
		}
		if ^u > 1<<30 { // below, the units show
			require.InEpsilon(t, exact*(1<<logBits), float64(got), 0.0003, "%#x", u)
		}
	}
}

// TestWeightedRendezvousOfEqualWeights: the general path agrees with the fast
// one.
func TestWeightedRendezvousOfEqualWeights(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 9))
	for _, n := range []int{1, 2, 31, 32, 33, 35, 36, 37, 100} {
		d := draws{seeds: make([]uint64, n)}
		for i := range d.seeds {
			d.seeds[i] = random.Uint64()
		}
		fast, general := &rendezvous{d}, &weightedRendezvous{d, slices.Repeat([]uint32{1}, n), logTable()}
		for range 3000 {
			h := random.Uint64()
			want := fast.Select(h)
			require.Equal(t, want, general.Select(h))
			require.Equal(t, fast.Next(h, want), general.Next(h, want))
		}
	}
}
