package hash_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
)

func toeplitz(t testing.TB, key []byte) *hash.Toeplitz {
	x, err := hash.NewToeplitz(key)
	require.NoError(t, err)
	return x
}

func microsoft() []byte {
	return hash.MicrosoftKey()
}

// The columns l3 and l3l4 are the verification suite of Microsoft.
func TestToeplitzVectors(t *testing.T) {
	rows := records(t, "testdata/toeplitz.csv")
	require.Len(t, rows, 8)
	rss := toeplitz(t, microsoft())
	var repeating []byte
	for range 20 {
		repeating = append(repeating, 0x6d, 0x5a)
	}
	symmetric, xor := toeplitz(t, repeating), rss.SymmetricXOR()
	for _, r := range rows {
		k := hash.NewFlowKey(hash.TCP, endpoint(t, r["src"], r["sport"]), endpoint(t, r["dst"], r["dport"]))
		l3 := hash.Addresses.Extract(&hash.Headers{Outer: k}, nil)
		for _, v := range []struct {
			column string
			rss    *hash.Toeplitz
			key    hash.FlowKey
		}{{"l3", rss, l3}, {"l3l4", rss, k}, {"symmetric6d5a", symmetric, k}, {"symmetricxor", xor, k}} {
			want := uint32(number(t, r[v.column], 16, 32))
			assert.Equal(t, want, v.rss.Hash32(v.key), "%s of %s", v.column, k)
			assert.Equal(t, uint64(want)<<32, v.rss.Hash(v.key), "%s of %s", v.column, k)
			if v.rss != rss {
				assert.Equal(t, want, v.rss.Hash32(v.key.Reverse()), "%s of %s, reversed", v.column, k)
			}
		}
	}
}

func TestToeplitzAgreesWithModel(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	for _, size := range []int{40, 52} {
		for range 3 {
			key := make([]byte, size)
			for i := range key {
				key[i] = byte(r.Uint32())
			}
			rss := toeplitz(t, key)
			for _, k := range randomKeys(r, 300) {
				flow := modelFlow(k)
				require.Equal(t, packet.Toeplitz(key, flow.ToeplitzInput()), rss.Hash32(k), "%s", k)
				require.Equal(t, packet.Toeplitz(key, flow.ToeplitzXORInput()), rss.SymmetricXOR().Hash32(k), "%s", k)
			}
		}
	}
}

func TestToeplitzKeySizes(t *testing.T) {
	long := make([]byte, 64)
	for i := range long {
		long[i] = byte(7 * i)
	}
	k := fromEncoding(counting(40))
	for size := range len(long) {
		rss, err := hash.NewToeplitz(long[:size])
		if size >= 40 {
			require.NoError(t, err)
			assert.Equal(t, toeplitz(t, long[:40]).Hash(k), rss.Hash(k), "%d bytes", size)
			continue
		}
		assert.Nil(t, rss)
		var keyErr hash.ToeplitzKeyError
		require.ErrorAs(t, err, &keyErr)
		assert.Equal(t, size, int(keyErr))
		assert.ErrorContains(t, err, "want 40 or more")
	}
}

// Both symmetric forms agree for both directions; symmetric-xor merges flows
// whose ends differ alike, and symmetric-or-xor does not.
func TestToeplitzSymmetricForms(t *testing.T) {
	rss := toeplitz(t, microsoft())
	xor, orXOR := rss.SymmetricXOR(), rss.SymmetricOrXOR()
	for _, k := range randomKeys(rand.New(rand.NewPCG(71, 72)), 300) {
		assert.Equal(t, xor.Hash(k), xor.Hash(k.Reverse()))
		assert.Equal(t, orXOR.Hash(k), orXOR.Hash(k.Reverse()))
		assert.NotEqual(t, orXOR.Hash(k), rss.Hash(k))
	}
	a := hash.NewFlowKey(hash.TCP, netip.MustParseAddrPort("10.0.0.1:1000"), netip.MustParseAddrPort("10.0.1.1:80"))
	b := hash.NewFlowKey(hash.TCP, netip.MustParseAddrPort("10.0.0.2:1000"), netip.MustParseAddrPort("10.0.1.2:80"))
	assert.Equal(t, xor.Hash(a), xor.Hash(b))
	assert.NotEqual(t, orXOR.Hash(a), orXOR.Hash(b))
	assert.NotEqual(t, rss.Hash(a), toeplitz(t, microsoft()).SymmetricOrXOR().Hash(a), "t itself stays")
}

func TestToeplitzBits(t *testing.T) {
	var repeating []byte
	for range 20 {
		repeating = append(repeating, 0x6d, 0x5a)
	}
	assert.Equal(t, 32, toeplitz(t, microsoft()).Bits())
	assert.Equal(t, 16, toeplitz(t, repeating).Bits())
	assert.Zero(t, toeplitz(t, make([]byte, 40)).Bits())
}

// A Toeplitz keeps no hold of its key.
func TestToeplitzCopiesItsKey(t *testing.T) {
	key := microsoft()
	rss := toeplitz(t, key)
	k := fromEncoding(counting(40))
	before := rss.Hash(k)
	clear(key)
	assert.Equal(t, before, rss.Hash(k))
	assert.NotZero(t, before)
}
