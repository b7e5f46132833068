package hash_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

func parsed(t testing.TB, n int) []hash.Headers {
	headers := make([]hash.Headers, n)
	for i, f := range mixed(n) {
		require.NoError(t, hash.Parse(f, &headers[i]))
	}
	return headers
}

func TestPolicy(t *testing.T) {
	headers := parsed(t, 300)
	extractors := []hash.Extractor{hash.FiveTuple, hash.Addresses, hash.Label, hash.Inner(hash.ThreeTuple),
		hash.FiveTuple | hash.Symmetric, hash.FiveTuple | hash.SPI | hash.EchoID, foreignExtractor{}}
	hashers := []hash.Hasher{foreignHasher{}}
	for _, h := range builtIn {
		hashers = append(hashers, h.hasher)
	}
	for _, e := range extractors {
		for _, h := range hashers {
			policy := hash.Policy{Extractor: e, Hasher: h}
			dst := make([]uint64, len(headers)+1)
			dst[len(headers)] = 42
			policy.HashHeaders(dst, headers)
			for i := range headers {
				require.Equal(t, h.Hash(e.Extract(&headers[i])), dst[i], "%v, %v", e, h)
			}
			assert.Equal(t, uint64(42), dst[len(headers)])
			assert.Panics(t, func() { policy.HashHeaders(dst[:len(headers)-1], headers) })
			policy.HashHeaders(nil, nil)
		}
	}
}

func TestPolicyZeroValue(t *testing.T) {
	headers := parsed(t, 10)
	got, want := make([]uint64, 10), make([]uint64, 10)
	hash.Policy{}.HashHeaders(got, headers)
	hash.Policy{Extractor: hash.FiveTuple, Hasher: hash.XX{}}.HashHeaders(want, headers)
	assert.Equal(t, want, got)
}
