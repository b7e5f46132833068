package selector

import (
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

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
