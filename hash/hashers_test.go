package hash_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
)

// counting is the encoding 0, 1, 2 and so on, the input of many published
// vectors.
func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// The vectors of cespare/xxhash, and of the self-test of the reference
// implementation (Cyan4973/xxHash, xxhsum), which fills a buffer by
// multiplication.
func TestModelXXH64(t *testing.T) {
	for _, v := range []struct {
		input string
		seed  uint64
		want  uint64
	}{
		{"", 0, 0xef46db3751d8e999},
		{"a", 0, 0xd24ec4f1a98c6e5b},
		{"as", 0, 0x1c330fb2d66be179},
		{"asd", 0, 0x631c37ce72a97393},
		{"asdf", 0, 0x415872f599cea71e},
		{"Call me Ishmael. Some years ago--never mind how long precisely-", 0, 0x02a2e85470d6fd96},
		{"", 123, 0xe0db84de91f3e198},
		{"asdf", math.MaxUint64, 0x9a2fd8473be539b6},
		{"Call me Ishmael. Some years ago--never mind how long precisely-", 54321, 0x1736d186daf5d1cd},
	} {
		assert.Equal(t, v.want, packet.XXH64(v.seed, []byte(v.input)), "%q, seed %d", v.input, v.seed)
	}
	const prime32, prime64 = 2654435761, 11400714785074694797
	buffer := make([]byte, 222)
	for i, x := 0, uint64(prime32); i < len(buffer); i, x = i+1, x*prime64 {
		buffer[i] = byte(x >> 56)
	}
	for _, v := range []struct {
		length int
		seed   uint64
		want   uint64
	}{
		{0, prime32, 0xac75fda2929b17ef},
		{1, 0, 0xe934a84adb052768},
		{1, prime32, 0x5014607643a9b4c3},
		{4, 0, 0x9136a0dca57457ee},
		{14, 0, 0x8282dcc4994e35c8},
		{14, prime32, 0xc3bd6bf63deb6df0},
		{222, 0, 0xb641ae8cb691c174},
		{222, prime32, 0x20cb8ab7ae10c14a},
	} {
		assert.Equal(t, v.want, packet.XXH64(v.seed, buffer[:v.length]), "%d bytes, seed %d", v.length, v.seed)
	}
}

// Vectors of the reference implementation (veorq/SipHash, vectors_sip64), as
// bytes.
func TestModelSipHash(t *testing.T) {
	for length, want := range map[int]uint64{
		0:  0x310e0edd47db6f72,
		1:  0xfd67dc93c539f874,
		8:  0x6224939a79f5f593,
		15: 0xe545be4961ca29a1,
		16: 0xdb9bc2577fcc2a3f,
		40: 0xd0a704536ba93e0e,
	} {
		got := packet.SipHash24(0x0706050403020100, 0x0f0e0d0c0b0a0908, counting(length))
		assert.Equal(t, want, binary.BigEndian.Uint64(binary.LittleEndian.AppendUint64(nil, got)), "%d bytes", length)
	}
}

// The check values of the catalogue of parametrised CRC algorithms
// (https://reveng.sourceforge.io/crc-catalogue), and RFC 3720 appendix B.4.
func TestModelCRC(t *testing.T) {
	for name, c := range map[string]struct {
		config hash.CRCConfig
		check  uint32
	}{
		"CRC-32/ISO-HDLC": {hash.CRC32IEEE(), 0xcbf43926},
		"CRC-32/BZIP2": {
			hash.CRCConfig{Bits: 32, Polynomial: 0x04c11db7, Init: 1<<32 - 1, XorOut: 1<<32 - 1}, 0xfc891918,
		},
		"CRC-32/MPEG-2":        {hash.CRCConfig{Bits: 32, Polynomial: 0x04c11db7, Init: 1<<32 - 1}, 0x0376e6e7},
		"CRC-16/CCITT, 0xffff": {hash.CRC16CCITT(), 0x29b1},
		"CRC-16/XMODEM":        {hash.CRCConfig{Bits: 16, Polynomial: 0x1021}, 0x31c3},
		"CRC-16/KERMIT":        {hash.CRCConfig{Bits: 16, Polynomial: 0x1021, Reflected: true}, 0x2189},
		"CRC-16/ARC":           {hash.CRCConfig{Bits: 16, Polynomial: 0x8005, Reflected: true}, 0xbb3d},
		"CRC-16/MODBUS":        {hash.CRCConfig{Bits: 16, Polynomial: 0x8005, Init: 0xffff, Reflected: true}, 0x4b37},
	} {
		p := c.config
		got := packet.CRC(p.Bits, p.Polynomial, p.Init, p.Reflected, p.XorOut, []byte("123456789"))
		assert.Equal(t, c.check, got, name)
		_, err := hash.NewCRC(p)
		require.NoError(t, err, name)
	}
	assert.Equal(t, uint32(0xe3069283), packet.CRC32C([]byte("123456789")))
	zeros, ones, up, down := make([]byte, 32), make([]byte, 32), counting(32), make([]byte, 32)
	for i := range 32 {
		ones[i], down[i] = 0xff, byte(31-i)
	}
	assert.Equal(t, uint32(0x8a9136aa), packet.CRC32C(zeros))
	assert.Equal(t, uint32(0x62a8ab43), packet.CRC32C(ones))
	assert.Equal(t, uint32(0x46dd794e), packet.CRC32C(up))
	assert.Equal(t, uint32(0x113fdb5c), packet.CRC32C(down))
}

// checkHashers compares every hasher with the model, and with other
// implementations where there are any.
func checkHashers(t *testing.T, k hash.FlowKey, s0, s1 uint64) {
	b := encoding40(t, k)
	require.Equal(t, packet.XXH64(s0, b), hash.XX{Seed: s0}.Hash(k))
	require.Equal(t, xxhash.Sum64(b), hash.XX{}.Hash(k))
	digest := xxhash.NewWithSeed(s0)
	_, err := digest.Write(b)
	require.NoError(t, err)
	require.Equal(t, digest.Sum64(), hash.XX{Seed: s0}.Hash(k))
	require.Equal(t, packet.SipHash24(s0, s1, b), hash.Sip{K0: s0, K1: s1}.Hash(k))
	require.Equal(t, uint64(packet.CRC32C(b))<<32, hash.CRC32C{}.Hash(k))

	// HashFields of XX has a shorter way for keys of IPv4.
	dst, headers := make([]uint64, 1), []hash.Headers{{Outer: k, Inner: k}}
	for _, f := range []hash.Fields{0, hash.FiveTuple, hash.FiveTuple | hash.Label, hash.SrcAddr,
		hash.DstPort | hash.Symmetric, hash.FiveTuple | hash.Symmetric} {
		hash.XX{Seed: s0}.HashFields(dst, headers, f)
		require.Equal(t, packet.XXH64(s0, encoding40(t, f.Extract(&headers[0], nil))), dst[0], "%s of %s", f, k)
	}
}

func TestHashersAgreeWithModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, k := range randomKeys(r, 5000) {
		checkHashers(t, k, r.Uint64(), r.Uint64())
	}
	for _, k := range []hash.FlowKey{{}, fromEncoding(counting(40))} {
		checkHashers(t, k, 0, 0)
		checkHashers(t, k, math.MaxUint64, math.MaxUint64)
	}
	// Keys with zeros in every set of their words: for some of them XX takes
	// its shorter way.
	for zero := range 1 << 5 {
		var w [5]uint64
		for i := range w {
			if zero>>i&1 == 0 {
				w[i] = r.Uint64()
			}
		}
		checkHashers(t, hash.FlowKeyFromWords(w[0], w[1], w[2], w[3], w[4]), r.Uint64(), r.Uint64())
	}
}

func FuzzHashers(f *testing.F) {
	f.Add(uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0))
	f.Add(uint64(1), uint64(2), uint64(3), uint64(4), uint64(5), uint64(6), uint64(7))
	f.Fuzz(func(t *testing.T, w0, w1, w2, w3, w4, s0, s1 uint64) {
		checkHashers(t, hash.FlowKeyFromWords(w0, w1, w2, w3, w4), s0, s1)
	})
}

func TestHashBatch(t *testing.T) {
	keys := randomKeys(rand.New(rand.NewPCG(9, 10)), 100)
	for _, h := range builtIn {
		for _, n := range []int{0, 1, 2, 31, 32, 100} {
			dst := make([]uint64, n+1)
			dst[n] = 42
			h.hasher.HashBatch(dst, keys[:n])
			for i, k := range keys[:n] {
				assert.Equal(t, h.hasher.Hash(k), dst[i], h.name)
			}
			assert.Equal(t, uint64(42), dst[n], "%s wrote behind the last hash", h.name)
		}
		assert.Panics(t, func() { h.hasher.HashBatch(make([]uint64, 9, 10), keys[:10]) }, h.name)
		assert.Panics(t, func() {
			h.hasher.HashFields(make([]uint64, 9, 10), make([]hash.Headers, 10),
				hash.FiveTuple)
		}, h.name)
	}
}
