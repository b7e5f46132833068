package selector

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDivisor(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 6))
	for range 1_000_000 {
		n, x := random.Uint32()>>random.Uint32N(32), random.Uint32()
		n = max(n, 1)
		for _, x := range []uint32{x, 0, n - 1, n, math.MaxUint32, math.MaxUint32 / n * n, math.MaxUint32/n*n - 1} {
			if got := newDivisor(uint64(n)).remainder(x); got != x%n {
				require.Equal(t, x%n, got, "%d mod %d", x, n)
			}
		}
	}
}
