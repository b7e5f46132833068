package symmetric_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/symmetric"
)

func TestToeplitzKey(t *testing.T) {
	toeplitz, err := hash.NewToeplitz(symmetric.ToeplitzKey())
	require.NoError(t, err)
	// One of the vectors in the tests of package hash.
	k := hash.NewFlowKey(hash.TCP, netip.MustParseAddrPort("66.9.149.187:2794"),
		netip.MustParseAddrPort("161.142.100.80:1766"))
	assert.Equal(t, uint32(0x9fcc9fcc), toeplitz.Hash32(k))
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
	assert.Equal(t, 16, hash.Bits(toeplitz))
}
