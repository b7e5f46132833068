package selector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// TestRoundedJump compares with the processor's floating point, above all where
// quotients are near whole numbers.
func TestRoundedJump(t *testing.T) {
	racecheck.OneGoroutine(t)
	want := func(b, r uint64) uint64 { return uint64(float64(b) * (float64(1<<31) / float64(r))) }
	random := rand.New(rand.NewPCG(3, 1))
	for i := range 2_000_000 {
		r := random.Uint64N(1<<31>>random.Uint64N(31)) + 1
		b := random.Uint64N(1<<31>>random.Uint64N(31)) + 1
		switch i % 4 {
		case 1: // b is a multiple of r
			b = r * (random.Uint64N(max(1, 1<<31/r)) + 1)
		case 2: // r is b times a power of two
			r = min(b<<random.Uint64N(20), 1<<31)
		case 3: // the quotient is just below or above a whole number
			whole := random.Uint64N(1<<31) + 1
			b = min(whole*r>>31+random.Uint64N(2), 1<<31)
		}
		b = min(max(b, 1), 1<<31)
		if got, want := roundedJump(b, r), want(b, r); got != want {
			require.Equal(t, want, got, "b %d, r %d", b, r)
		}
	}
	for r := range uint64(5000) {
		for b := range uint64(100) {
			require.Equal(t, want(b+1, r+1), roundedJump(b+1, r+1))
		}
	}
}

// TestJumpRounding has keys for which the exact quotient gives another bucket
// than go-jump does, found by search.
func TestJumpRounding(t *testing.T) {
	for _, c := range []struct{ key, n, want uint64 }{
		{0x9db11be3188c3c6d, 1910399682, 244166041}, // exact: 244166040
		{0xf0c4d002d262b20f, 2147483647, 1088704464},
		{0xd43fd7b756f095b1, 1521352591, 658393787},
		{0x9ff6f8f0c5f8cf36, 2147483647, 2051627710},
		{0x29751579f427cb48, 222298112, 222298111}, // exact: 222298112, which is no bucket
		{0xb4b255394db89a0, 2097152, 2097151},
		{0xa86a1f94c37c0154, 26091008, 26091007},
	} {
		assert.Equal(t, c.want, jump(c.key, c.n))
	}
}

func TestJumpEqualsPaper(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 2))
	for i := range 1_000_000 {
		key, n := random.Uint64(), random.Uint64N(1<<31-1)+1
		if i%2 == 0 {
			n = random.Uint64N(1000) + 1
		}
		if want, got := uint64(place.JumpBucket(key, int64(n))), jump(key, n); want != got {
			require.Equal(t, want, got, "%#x, %d", key, n)
		}
	}
}

func jump(key, n uint64) uint64 { return uint64((&equalJump{n: n}).Select(key)) }
