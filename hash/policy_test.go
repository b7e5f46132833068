package hash_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
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
			policy.HashHeaders(dst, headers, nil)
			for i := range headers {
				key := e.Extract(&headers[i], nil)
				want := h.Hash(key)
				if hash.Bits(h) < 64 {
					want = want>>32<<32 | hash.NewMix(0).Hash(key)>>32
				}
				require.Equal(t, want, dst[i], "%v, %v", e, h)
				require.Equal(t, want, policy.Hash(key), "%v, %v", e, h)
			}
			assert.Equal(t, uint64(42), dst[len(headers)])
			assert.Panics(t, func() { policy.HashHeaders(dst[:len(headers)-1], headers, nil) })
			policy.HashHeaders(nil, nil, nil)
		}
	}
}

func TestPolicyZeroValue(t *testing.T) {
	headers := parsed(t, 10)
	got, want := make([]uint64, 10), make([]uint64, 10)
	hash.Policy{}.HashHeaders(got, headers, nil)
	hash.Policy{Extractor: hash.FiveTuple, Hasher: hash.XX{}}.HashHeaders(want, headers, nil)
	assert.Equal(t, want, got)
}

// The fields that count are taken of a flow as they are of a packet.
func TestPolicyHashTakesFields(t *testing.T) {
	for _, f := range frames() {
		var h hash.Headers
		if hash.Parse(f.bytes, &h) != nil || h.ICMPError {
			continue
		}
		for _, fields := range []hash.Fields{0, hash.FiveTuple, hash.Addresses, hash.ThreeTuple | hash.Symmetric,
			hash.ThreeTuple | hash.EchoID, hash.Addresses | hash.Label | hash.SPI} {
			whole := (hash.FiveTuple | hash.Label | hash.SPI | hash.EchoID).Extract(&h, nil)
			if fields&(hash.SPI|hash.EchoID) == 0 {
				whole = h.Outer
			}
			policy, key := hash.Policy{Extractor: fields}, fields.Extract(&h, nil)
			require.Equal(t, hash.XX{}.Hash(key), policy.Hash(whole), "%s of %s", fields, f.name)
			require.Equal(t, hash.XX{}.Hash(key), policy.Hash(key), "%s of %s, twice", fields, f.name)
		}
	}
}

// Two keys that a hash of 32 bits cannot tell apart have two hashes under a
// policy, with the same high half.
func TestPolicyHas64Bits(t *testing.T) {
	keys := randomKeys(rand.New(rand.NewPCG(31, 32)), 2)
	a := keys[0]
	b := collide(t, a)
	require.Equal(t, hash.CRC32C{}.Hash(a), hash.CRC32C{}.Hash(b))
	for _, base := range []hash.Hasher{hash.CRC32C{}, hash.Mixed(hash.CRC32C{}, 1),
		symmetricLike{hash.CRC32C{}}} {
		assert.Equal(t, 32, hash.Bits(base))
		for _, digest := range []hash.Hasher{nil, hash.Sip{K0: 1}} {
			policy := hash.Policy{Extractor: hash.FiveTuple | hash.Label, Hasher: base, Digest: digest}
			assert.Equal(t, policy.Hash(a)>>32, policy.Hash(b)>>32)
			assert.NotEqual(t, policy.Hash(a), policy.Hash(b))
			assert.Equal(t, base.Hash(a)>>32, policy.Hash(a)>>32)
		}
	}
	assert.Equal(t, 64, hash.Bits(hash.XX{}))
	policy := hash.Policy{Hasher: hash.XX{}, Digest: hash.Sip{}}
	assert.Equal(t, hash.XX{}.Hash(a.WithLabel(0)), policy.Hash(a), "no digest is needed")
}

// collide returns another key with the CRC of k. CRC is linear: a change of the
// source address, moved eight bytes further and multiplied by x^64 modulo the
// polynomial, cancels. It is found by elimination.
func collide(t *testing.T, k hash.FlowKey) hash.FlowKey {
	w0, w1, w2, w3, w4 := k.Words()
	at := func(mask uint64) uint64 {
		return hash.CRC32C{}.Hash(hash.FlowKeyFromWords(w0^mask, w1, w2, w3, w4)) >> 32
	}
	type row struct{ change, mask uint64 }
	var basis []row
	for bit := range 40 {
		r := row{at(1<<bit) ^ at(0), 1 << bit}
		for _, b := range basis {
			if r.change^b.change < r.change {
				r.change, r.mask = r.change^b.change, r.mask^b.mask
			}
		}
		if r.change == 0 {
			return hash.FlowKeyFromWords(w0^r.mask, w1, w2, w3, w4)
		}
		basis = append(basis, r)
		slices.SortFunc(basis, func(a, b row) int { return cmp.Compare(b.change, a.change) })
	}
	require.Fail(t, "no collision in 40 bits")
	return k
}

// symmetricLike stands for a hasher that wraps another.
type symmetricLike struct{ hash.Hasher }

func (s symmetricLike) Bits() int { return hash.Bits(s.Hasher) }

func TestPolicySeesThePacket(t *testing.T) {
	const n = 100 // a digest fills the hashes of fewer at a time
	headers, packets := parsed(t, n), mixed(n)
	for i := range packets {
		packets[i] = append(slices.Clone(packets[i]), byte(i))
	}
	dst := make([]uint64, n)
	for _, policy := range []hash.Policy{
		{}, {Hasher: hash.CRC32C{}}, {Hasher: hash.CRC32C{}, Digest: hash.Sip{K0: 1}},
	} {
		policy.Extractor = lastByte{}
		policy.HashHeaders(dst, headers, packets)
		for i, p := range packets {
			require.Equal(t, policy.Hash(lastByte{}.Extract(&headers[i], p)), dst[i])
		}
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(dst))), n)
		assert.Panics(t, func() { policy.HashHeaders(dst, headers, packets[:n-1]) })
	}
}

// lastByte stands for an extractor that looks at the packet.
type lastByte struct{}

func (lastByte) Extract(_ *hash.Headers, packet []byte) hash.FlowKey {
	return hash.FlowKeyFromWords(uint64(packet[len(packet)-1]), 0, 0, 0, 0)
}
