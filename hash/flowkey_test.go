package hash_test

import (
	"bytes"
	"encoding"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
)

var _ encoding.BinaryAppender = hash.FlowKey{}

func encoding40(t *testing.T, k hash.FlowKey) []byte {
	b, err := k.AppendBinary(nil)
	require.NoError(t, err)
	require.Len(t, b, hash.FlowKeySize)
	return b
}

// fromEncoding returns the key with the given encoding.
func fromEncoding(b []byte) hash.FlowKey {
	var w [5]uint64
	for i, c := range b {
		w[i/8] |= uint64(c) << (i % 8 * 8)
	}
	return hash.FlowKeyFromWords(w[0], w[1], w[2], w[3], w[4])
}

// The encoding is a contract with every hasher on every machine, so it is
// spelled out.
func TestEncoding(t *testing.T) {
	k := hash.NewFlowKey(hash.TCP, netip.MustParseAddrPort("192.0.2.1:4660"),
		netip.MustParseAddrPort("198.51.100.2:22136"))
	assert.Equal(t, []byte{
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 2,
		0x12, 0x34, 0x56, 0x78, 6, 0, 0, 0,
	}, encoding40(t, k))

	k = hash.NewFlowKey(hash.UDP, netip.MustParseAddrPort("[1:203:405:607:809:a0b:c0d:e0f]:1"),
		netip.MustParseAddrPort("[1011:1213:1415:1617:1819:1a1b:1c1d:1e1f]:256")).WithLabel(0xabcde)
	assert.Equal(t, []byte{
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
		16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
		0, 1, 1, 0, 17, 0x1a, 0xbc, 0xde,
	}, encoding40(t, k))
	w0, w1, w2, w3, w4 := k.Words()
	assert.Equal(t, uint64(0x0706050403020100), w0)
	assert.Equal(t, uint64(0x1f1e1d1c1b1a1918), w3)
	assert.Equal(t, uint64(0xdebc1a1100010100), w4)
	assert.Equal(t, k, hash.FlowKeyFromWords(w0, w1, w2, w3, w4))

	b, err := k.AppendBinary([]byte("before"))
	require.NoError(t, err)
	assert.Equal(t, "before", string(b[:6]))
}

func TestNewFlowKey(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("[2001:db8::1]:2")
	mapped := netip.MustParseAddrPort("[::ffff:10.0.0.1]:1")
	zoned := netip.MustParseAddrPort("[fe80::1%eth0]:3")
	for _, test := range []struct {
		name             string
		src, dst         netip.AddrPort
		wantSrc, wantDst netip.AddrPort
		is6              bool
	}{
		{"IPv4", v4, v4, v4, v4, false},
		{"IPv6", v6, v6, v6, v6, true},
		{"mapped stays IPv6", mapped, mapped, mapped, mapped, true},
		{"IPv4 source beside IPv6", v4, v6, mapped, v6, true},
		{"IPv4 destination beside IPv6", v6, v4, v6, mapped, true},
		{"IPv4 beside mapped", v4, mapped, mapped, mapped, true},
		{"zone dropped", zoned, v6, netip.MustParseAddrPort("[fe80::1]:3"), v6, true},
		{"no destination", v4, netip.AddrPort{}, v4, netip.MustParseAddrPort("0.0.0.0:0"), false},
		{"no source, IPv6", netip.AddrPort{}, v6, netip.MustParseAddrPort("[::]:0"), v6, true},
		{"port without address", netip.AddrPortFrom(netip.Addr{}, 9), v4, netip.MustParseAddrPort("0.0.0.0:9"), v4,
			false},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := hash.NewFlowKey(hash.TCP, test.src, test.dst)
			assert.Equal(t, test.wantSrc, k.Src())
			assert.Equal(t, test.wantDst, k.Dst())
			assert.Equal(t, test.is6, k.Is6())
			assert.Equal(t, uint8(6), k.Proto())
			assert.Zero(t, k.Label())
		})
	}
	assert.Equal(t, hash.FlowKey{}, hash.NewFlowKey(0, netip.AddrPort{}, netip.AddrPort{}))
	assert.NotEqual(t, hash.NewFlowKey(hash.TCP, v4, v4), hash.NewFlowKey(6, mapped, mapped))
}

func TestLabel(t *testing.T) {
	for _, k := range randomKeys(rand.New(rand.NewPCG(1, 1)), 1000) {
		assert.Equal(t, uint32(0xfffff), k.WithLabel(1<<32-1).Label())
		assert.Equal(t, uint32(0x12345), k.WithLabel(0xfff12345).Label())
		assert.Equal(t, k, k.WithLabel(7).WithLabel(k.Label()), "nothing else may change")
	}
}

func TestCompareOrdersEncodings(t *testing.T) {
	keys := randomKeys(rand.New(rand.NewPCG(1, 2)), 200)
	for _, k := range keys[:100] { // neighbours that differ in one byte
		b := encoding40(t, k)
		for i := range b {
			b[i]++
			keys = append(keys, fromEncoding(b))
			b[i]--
		}
	}
	for i, a := range keys {
		for _, b := range []hash.FlowKey{a, keys[(i+1)%len(keys)], keys[(i*7)%len(keys)]} {
			assert.Equal(t, bytes.Compare(encoding40(t, a), encoding40(t, b)), a.Compare(b))
		}
	}
}

func TestFlowKeyString(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("[2001:db8::1]:2")
	assert.Equal(t, "TCP 10.0.0.1:1 -> 10.0.0.1:1", hash.NewFlowKey(hash.TCP, v4, v4).String())
	assert.Equal(t, "ICMPv6 [2001:db8::1]:2 -> [2001:db8::1]:2 label 0x0000a",
		hash.NewFlowKey(58, v6, v6).WithLabel(10).String())
	assert.Equal(t, "protocol 0 0.0.0.0:0 -> 0.0.0.0:0", hash.FlowKey{}.String())

	// Keys of words that no packet has are told apart too.
	seen := map[string]bool{}
	for _, w := range [][5]uint64{
		{}, {1}, {2}, {0, 1}, {0, 1 << 32}, {0, 0xffff0000}, {0, 0xffff0001}, {0, 0, 1}, {0, 0, 0, 1},
		{0, 0, 0, 0, 0x20 << 40},
		{0, 0, 0, 0, 0x30 << 40}, {0, 0, 0, 0, 0x10 << 40}, {7, 0, 0, 0, 0x10 << 40},
	} {
		s := hash.FlowKeyFromWords(w[0], w[1], w[2], w[3], w[4]).String()
		if w != [5]uint64{0, 0xffff0000} { // 0.0.0.0, which looks as one that does not count
			assert.False(t, seen[s], s)
		}
		seen[s] = true
	}
}

// FuzzFlowKey compares keys of any endpoints with the model.
func FuzzFlowKey(f *testing.F) {
	f.Add(bytesOf(10, 0, 0, 1), bytesOf(10, 0, 0, 2), uint16(1), uint16(2), uint8(6), uint32(3))
	f.Add(make([]byte, 16), slices.Repeat([]byte{255}, 16), uint16(1), uint16(2), uint8(6), uint32(1<<20))
	f.Add(bytesOf(10, 0, 0, 1), make([]byte, 16), uint16(0), uint16(65535), uint8(255), uint32(0))
	f.Add(netip.MustParseAddr("::ffff:1.2.3.4").AsSlice(), bytesOf(1), uint16(0), uint16(1), uint8(0), uint32(1))
	f.Fuzz(func(t *testing.T, src, dst []byte, sport, dport uint16, proto uint8, label uint32) {
		s, _ := netip.AddrFromSlice(src) // invalid for other lengths than 4 and 16
		d, _ := netip.AddrFromSlice(dst)
		model := packet.Flow{
			Src: s, Dst: d, SrcPort: sport, DstPort: dport, Proto: proto, Label: label & 0xfffff, IPv6: s.Is6() ||
				d.Is6(),
		}
		k := hash.NewFlowKey(proto, netip.AddrPortFrom(s, sport), netip.AddrPortFrom(d, dport)).WithLabel(label)
		require.Equal(t, model.Encode(), encoding40(t, k))
		require.Equal(t, model.Reverse().Encode(), encoding40(t, k.Reverse()))
		require.Equal(t, k.WithLabel(0), k.Reverse().Reverse())
		require.Equal(t, proto, k.Proto())
		require.Equal(t, label&0xfffff, k.Label())
		require.Equal(t, model.IPv6, k.Is6())
		require.Equal(t, sport, k.Src().Port())
		require.Equal(t, dport, k.Dst().Port())
		require.Equal(t, s.As16(), addr16(s, k.Src().Addr()))
		require.Equal(t, d.As16(), addr16(d, k.Dst().Addr()))
		if s.IsValid() && d.IsValid() {
			require.Equal(t, k, hash.NewFlowKey(proto, k.Src(), k.Dst()).WithLabel(k.Label()), "read and made again")
		}
	})
}

// addr16 returns the address that a key gave back for a given one; an invalid
// one is all zeros, whatever the family.
func addr16(given, got netip.Addr) [16]byte {
	if !given.IsValid() && got.IsUnspecified() {
		return [16]byte{}
	}
	return got.As16()
}

func TestUnmarshalIsTheInverse(t *testing.T) {
	for _, k := range randomKeys(rand.New(rand.NewPCG(91, 92)), 100) {
		b, err := k.AppendBinary(nil)
		require.NoError(t, err)
		var got hash.FlowKey
		require.NoError(t, got.UnmarshalBinary(b))
		assert.Equal(t, k, got)
		for _, wrong := range [][]byte{nil, b[:39], append(b, 0)} {
			before := got
			err := got.UnmarshalBinary(wrong)
			var size hash.FlowKeySizeError
			require.ErrorAs(t, err, &size)
			assert.Equal(t, len(wrong), int(size))
			require.ErrorContains(t, err, "want 40")
			assert.Equal(t, before, got)
		}
	}
}
