package hash_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

func TestMixAgreesWithModel(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	for _, k := range randomKeys(r, 2000) {
		seed := r.Uint64()
		require.Equal(t, packet.Mix(seed, encoding40(t, k)), hash.NewMix(seed).Hash(k))
	}
	for _, seed := range []uint64{0, math.MaxUint64} {
		require.Equal(t, packet.Mix(seed, counting(40)), hash.NewMix(seed).Hash(fromEncoding(counting(40))))
		require.Equal(t, packet.Mix(seed, make([]byte, 40)), hash.NewMix(seed).Hash(hash.FlowKey{}))
	}
}

// Hashes are a contract, so one of them is written down.
func TestMixKnown(t *testing.T) {
	assert.Equal(t, uint64(0x1e0e1dff9219798f), hash.NewMix(1).Hash(fromEncoding(counting(40))))
}

// Whichever bit of a key changes, every bit of the hash changes for half of all
// keys: for each pair of an input and an output bit, the share is within 0.04
// of it. There are a million flips of random keys, which give a perfect hash a
// worst bias of 0.037. Keys that count need more, as each flip that leads from
// one of them to another counts twice.
func TestMixAvalanche(t *testing.T) {
	racecheck.OneGoroutine(t)
	kinds := map[string]func(r *rand.Rand, i int) hash.FlowKey{
		"random": func(r *rand.Rand, _ int) hash.FlowKey {
			return hash.FlowKeyFromWords(r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
		},
		"one pair of hosts": func(_ *rand.Rand, i int) hash.FlowKey {
			src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(1024+i))
			return hash.NewFlowKey(hash.TCP, src, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 2}), 443))
		},
		"clients in a row": func(_ *rand.Rand, i int) hash.FlowKey {
			src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 40000)
			return hash.NewFlowKey(hash.UDP, src, netip.MustParseAddrPort("10.0.0.2:53"))
		},
		"IPv6 clients in a row": func(_ *rand.Rand, i int) hash.FlowKey {
			a := [16]byte{0: 0x20, 1: 1, 14: byte(i >> 8), 15: byte(i)}
			return hash.NewFlowKey(hash.TCP, netip.AddrPortFrom(netip.AddrFrom16(a), 40000),
				netip.MustParseAddrPort("[2001:db8::1]:443"))
		},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			keys := 3125 // times 320 bits
			if name != "random" {
				keys *= 4
			}
			bias := avalanche(hash.NewMix(0), keys, kind)
			assert.Less(t, bias, 0.04)
			assert.Positive(t, bias, "too good to be true")
		})
	}

	// The same with a hash that cannot pass.
	assert.Greater(t, avalanche(hash.CRC32C{}, 100, kinds["random"]), 0.49)
}

// avalanche returns how far from one half the share of changed output bits is,
// at worst.
func avalanche(hasher hash.Hasher, keys int, kind func(*rand.Rand, int) hash.FlowKey) float64 {
	var changed [320][64]int
	r := rand.New(rand.NewPCG(21, 22))
	for i := range keys {
		k := kind(r, i)
		w := [5]uint64{}
		w[0], w[1], w[2], w[3], w[4] = k.Words()
		before := hasher.Hash(k)
		for in := range changed {
			flipped := w
			flipped[in/64] ^= 1 << (in % 64)
			d := before ^ hasher.Hash(hash.FlowKeyFromWords(flipped[0], flipped[1], flipped[2], flipped[3], flipped[4]))
			for out := range changed[in] {
				changed[in][out] += int(d >> out & 1)
			}
		}
	}
	worst := 0.0
	for in := range changed {
		for out := range changed[in] {
			worst = max(worst, math.Abs(float64(changed[in][out])/float64(keys)-0.5))
		}
	}
	return worst
}

// A constant on either side of a multiplication, known to a sender, would let
// him make all flows collide under every seed.
func TestMixHasNoPublicConstant(t *testing.T) {
	// What zeroes a multiplicand under one seed must not do so under another.
	for word := range 4 {
		for seed := range uint64(4) {
			m := hash.NewMix(seed)
			w := [5]uint64{1, 2, 3, 4, 5}
			w[word] = splitMix(seed, word) // zeroes m's own multiplicand
			partner := word ^ 1
			a := hash.FlowKeyFromWords(w[0], w[1], w[2], w[3], w[4])
			w[partner] = 99
			b := hash.FlowKeyFromWords(w[0], w[1], w[2], w[3], w[4])
			require.Equal(t, m.Hash(a), m.Hash(b), "the attack fails even with the seed: test another")
			for other := range uint64(4) {
				if other != seed {
					require.NotEqual(t, hash.NewMix(other).Hash(a), hash.NewMix(other).Hash(b))
				}
			}
		}
	}
}

// splitMix returns output i of SplitMix64.
func splitMix(seed uint64, i int) uint64 {
	z := seed + uint64(i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func TestMixed(t *testing.T) {
	keys := randomKeys(rand.New(rand.NewPCG(23, 24)), 100)
	headers := parsed(t, 100)
	mix := hash.NewMix(7)
	for _, base := range []hash.Hasher{hash.CRC32C{}, toeplitz(t, microsoft()), foreignHasher{}} {
		mixed, ok := hash.Mixed(base, 7).(interface {
			hash.BatchHasher
			hash.FieldsHasher
		})
		require.True(t, ok)
		batch, fields := make([]uint64, 101), make([]uint64, 101)
		batch[100], fields[100] = 42, 42
		mixed.HashBatch(batch, keys)
		mixed.HashFields(fields, headers, hash.ThreeTuple)
		for i, k := range keys {
			assert.Equal(t, mix.Finalize(base.Hash(k)), mixed.Hash(k))
			assert.Equal(t, mixed.Hash(k), batch[i])
			assert.Equal(t, mixed.Hash(hash.ThreeTuple.Extract(&headers[i], nil)), fields[i])
			assert.NotZero(t, uint32(mixed.Hash(k)), "the low half is used")
		}
		assert.Equal(t, uint64(42), batch[100])
		assert.Equal(t, uint64(42), fields[100])
	}
	assert.Equal(t, hash.Mixed(hash.XX{}, 7).Hash(keys[0]), hash.Mixed(nil, 7).Hash(keys[0]))
}
