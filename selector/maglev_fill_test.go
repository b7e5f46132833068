package selector

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFirst compares the endgame's order of slots with their ranks, above all
// of slots that are close in rank, on both sides of the size from which the
// ranks themselves are compared.
func TestFirst(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 8))
	for _, size := range []uint32{2, 3, 251, 65537, 1048573, 1048583, 16777213} {
		require.True(t, isPrime(size))
		for range 300 {
			p := permutation{offset: random.Uint32N(size), skip: 1 + random.Uint32N(size-1)}
			c := claims[uint8]{permutations: permutations{newModulus(size), []permutation{p}}}
			c.members[0].inverse = uint32(c.modulus.inverse(uint64(p.skip)))
			start := random.Uint64N(uint64(size))
			// consecutive ranks, wrapping around, in random order
			slots := make([]uint32, min(size, 100))
			for i, r := range random.Perm(len(slots)) {
				rank := (start + uint64(r)) % uint64(size)
				slots[i] = uint32((uint64(p.offset) + rank*uint64(p.skip)) % uint64(size))
				require.Equal(t, rank, c.rank(0, uint64(slots[i])))
			}
			want := slices.MinFunc(slots, func(a, b uint32) int {
				return cmp.Compare(c.rank(0, uint64(a)),
					c.rank(0, uint64(b)))
			})
			require.Equal(t, want, slots[c.first(0, slots)], "%d slots", size)
		}
	}
}
