package selector

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestModulus(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 7))
	for _, m := range []uint32{2, 3, 5, 251, 65537, 655373, 16777213} {
		require.True(t, big.NewInt(int64(m)).ProbablyPrime(10))
		p := newModulus(m)
		inverses := make([]uint32, 100)
		for i := range inverses {
			inverses[i] = 1 + random.Uint32N(m-1)
		}
		numbers := append([]uint32(nil), inverses...)
		p.inverses(inverses)
		for i, x := range numbers {
			require.Equal(t, uint64(1), uint64(x)*uint64(inverses[i])%uint64(m))
			y := random.Uint32N(m)
			require.Equal(t, uint64(x)*uint64(y)%uint64(m), p.mul(uint64(x), uint64(y)))
			require.Equal(t, uint64(m-1)*uint64(m-1)%uint64(m), p.mul(uint64(m-1), uint64(m-1)))
		}
	}
}

func TestIsPrime(t *testing.T) {
	for n := range int64(70_000) {
		require.Equal(t, big.NewInt(n).ProbablyPrime(0), isPrime(uint32(n)), n)
	}
	for _, n := range []uint32{65537, 655373, 16777213, 4294967291} {
		assert.True(t, isPrime(n), n)
	}
	for _, n := range []uint32{4093 * 4093, 65521 * 65521, 16777259 * 255, math.MaxUint32} {
		assert.False(t, isPrime(n), n)
	}
}
