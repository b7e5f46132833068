package symmetric_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/symmetric"
)

func TestToeplitzKey(t *testing.T) {
	key := symmetric.ToeplitzKey()
	toeplitz, err := hash.NewToeplitz(key[:])
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(7, 8))
	seen := map[uint32]bool{}
	for range 20000 {
		k := hash.FlowKeyFromWords(r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
		h := toeplitz.Hash32(k)
		assert.Equal(t, h, toeplitz.Hash32(k.Reverse()))
		assert.Zero(t, h%65537, "the trap")
		seen[h] = true
	}
	assert.Greater(t, len(seen), 15000)
}
