package symmetric_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/symmetric"
)

// fiveTuple stands for an extractor of a user.
type fiveTuple struct{}

func (fiveTuple) Extract(h *hash.Headers, packet []byte) hash.FlowKey {
	return hash.FiveTuple.Extract(h, packet)
}

func TestPolicy(t *testing.T) {
	for _, extractor := range []hash.Extractor{nil, hash.FiveTuple, hash.Inner(hash.FiveTuple), fiveTuple{}} {
		for _, v6 := range []bool{false, true} {
			there, back := packets(hash.TCP, v6, 40000, 443)
			h, hashes := make([]hash.Headers, 2), make([]uint64, 2)
			require.NoError(t, hash.ParseIP(there, &h[0]))
			require.NoError(t, hash.ParseIP(back, &h[1]))
			policy := hash.Policy{Extractor: extractor, Hasher: hash.XX{Seed: 1}}
			policy.HashHeaders(hashes, h, nil)
			assert.NotEqual(t, hashes[0], hashes[1])
			symmetric.Policy(policy).HashHeaders(hashes, h, nil)
			assert.Equal(t, hashes[0], hashes[1])
			assert.Equal(t, symmetric.Hasher{Base: policy.Hasher}.Hash(hash.FiveTuple.Extract(&h[0], nil)), hashes[0])
		}
	}
}
