package symmetric_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
	"github.com/ecmp-go/ecmp/symmetric"
)

// endpoints has addresses close to one another and far apart, and ports whose
// bytes order differently in either order.
func endpoints(v6 bool) []netip.AddrPort {
	names := []string{"0.0.0.0", "0.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.1.0", "1.0.0.10", "255.255.255.255"}
	if v6 {
		names = []string{"::", "::1", "100::", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:10.0.0.1",
			"ffff::ffff"}
	}
	var all []netip.AddrPort
	for _, name := range names {
		for _, port := range []uint16{0, 1, 255, 256, 443, 49152, 65535} {
			all = append(all, netip.AddrPortFrom(netip.MustParseAddr(name), port))
		}
	}
	return all
}

func model(proto uint8, a, b netip.AddrPort, label uint32) packet.Flow {
	return packet.Flow{
		Src: a.Addr(), Dst: b.Addr(), SrcPort: a.Port(), DstPort: b.Port(), Proto: proto, Label: label,
		IPv6: a.Addr().Is6() || b.Addr().Is6(),
	}
}

// checkCanonical compares Canonical with the model for one flow, and with its
// own definition.
func checkCanonical(t *testing.T, proto uint8, a, b netip.AddrPort, label uint32) {
	k := hash.NewFlowKey(proto, a, b).WithLabel(label)
	c := k.Canonical()
	encoding, err := c.AppendBinary(nil)
	require.NoError(t, err)
	if want := model(proto, a, b, label).Canonical().Encode(); string(encoding) != string(want) {
		require.Failf(t, "not canonical", "%s\ngot  %x\nwant %x", k, encoding, want)
	}
	smaller := k.WithLabel(0)
	if r := k.Reverse(); r.Compare(smaller) < 0 {
		smaller = r
	}
	if c != smaller || k.Reverse().WithLabel(label+1).Canonical() != c || c.Canonical() != c {
		require.Failf(t, "not canonical", "%s: %s", k, c)
	}
}

func TestCanonical(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		all := endpoints(v6)
		for _, a := range all {
			for _, b := range all {
				checkCanonical(t, 6, a, b, 0)
				checkCanonical(t, 17, a, b, 0xfffff)
			}
		}
	}
}

// Conversations that are not each other's reverse keep different keys.
func TestConversationsStayApart(t *testing.T) {
	type conversation struct {
		a, b  netip.AddrPort
		proto uint8
	}
	for _, v6 := range []bool{false, true} {
		seen := map[hash.FlowKey]conversation{}
		all := endpoints(v6)
		for _, a := range all {
			for _, b := range all {
				for _, proto := range []uint8{6, 17} {
					c := hash.NewFlowKey(proto, a, b).Canonical()
					if o, ok := seen[c]; ok && o != (conversation{b, a, proto}) {
						require.Failf(t, "merged", "%v and %v", o, conversation{a, b, proto})
					}
					seen[c] = conversation{a, b, proto}
				}
			}
		}
		n := len(all)
		assert.Len(t, seen, 2*(n*(n-1)/2+n))
	}

	// The case that ordering addresses and ports independently gets wrong.
	flow := func(src, dst string) hash.FlowKey {
		k := hash.NewFlowKey(hash.TCP, netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst))
		return k.Canonical()
	}
	assert.NotEqual(t, flow("10.0.0.1:1", "10.0.0.2:2"), flow("10.0.0.1:2", "10.0.0.2:1"))
	assert.NotEqual(t, flow("10.0.0.1:1", "10.0.0.2:2"), flow("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:2"))
}

func FuzzCanonical(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, uint16(1), uint16(2), uint8(6), uint32(3))
	f.Add(make([]byte, 16), make([]byte, 16), uint16(256), uint16(1), uint8(6), uint32(3))
	f.Fuzz(func(t *testing.T, src, dst []byte, sport, dport uint16, proto uint8, label uint32) {
		a, _ := netip.AddrFromSlice(src) // invalid for other lengths than 4 and 16
		b, _ := netip.AddrFromSlice(dst)
		checkCanonical(t, proto, netip.AddrPortFrom(a, sport), netip.AddrPortFrom(b, dport), label&0xfffff)
	})
}

// foreign stands for a Hasher of a user.
type foreign struct{}

func (foreign) Hash(k hash.FlowKey) uint64 { return hash.XX{Seed: 99}.Hash(k) }

func bases() []hash.Hasher {
	return []hash.Hasher{hash.XX{Seed: 1}, hash.Sip{K0: 1, K1: 2}, hash.CRC32C{}, hash.NewMix(1),
		hash.Mixed(hash.CRC32C{}, 1), foreign{}}
}

// packets returns a packet from a to b and one from b to a, as IP without
// Ethernet.
func packets(proto uint8, v6 bool, sport, dport uint16) (there, back []byte) {
	segment := func(sport, dport uint16) []byte {
		s := make([]byte, 20)
		s[0], s[1], s[2], s[3] = byte(sport>>8), byte(sport), byte(dport>>8), byte(dport)
		return s
	}
	header := func(src, dst, label byte) []byte {
		if v6 {
			h := make([]byte, 40)
			h[0], h[3], h[5], h[6], h[23], h[39] = 0x60, label, 20, proto, src, dst
			return h
		}
		return []byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, src, 10, 0, 0, dst}
	}
	return append(header(1, 2, 7), segment(sport, dport)...), append(header(2, 1, 8), segment(dport, sport)...)
}

// Both directions of a conversation meet, with every base and every symmetric
// choice of fields, for IPv4 and IPv6, TCP and UDP.
func TestBothDirectionsMeet(t *testing.T) {
	for _, base := range bases() {
		for _, fields := range []hash.Fields{hash.FiveTuple, hash.ThreeTuple, hash.Addresses,
			hash.FiveTuple | hash.Label} {
			hasher := hash.Policy{
				Extractor: fields, Hasher: symmetric.Hasher{Base: base}, Digest: symmetric.Hasher{},
			}
			seen := map[uint64]bool{}
			for _, proto := range []uint8{6, 17} {
				for _, v6 := range []bool{false, true} {
					for port := range uint16(50) {
						there, back := packets(proto, v6, 40000+port, 443)
						h, hashes := make([]hash.Headers, 2), make([]uint64, 2)
						require.NoError(t, hash.ParseIP(there, &h[0]))
						require.NoError(t, hash.ParseIP(back, &h[1]))
						require.NotEqual(t, h[0].Outer, h[1].Outer)
						hasher.HashHeaders(hashes, h, nil)
						require.Equal(t, hashes[0], hashes[1], "%T, %s, %s", base, fields, h[0].Outer)
						seen[hashes[0]] = true
					}
				}
			}
			want := map[hash.Fields]int{hash.FiveTuple: 200, hash.ThreeTuple: 4, hash.Addresses: 2,
				hash.FiveTuple | hash.Label: 200}
			assert.Len(t, seen, want[fields], "%T, %s", base, fields)
		}
	}
}

func TestHasher(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	keys, headers := make([]hash.FlowKey, 100), make([]hash.Headers, 100)
	for i := range keys {
		keys[i] = hash.FlowKeyFromWords(r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
		headers[i] = hash.Headers{Outer: keys[i], Cited: keys[i/2], ICMPError: i%5 == 0}
	}
	for _, base := range append(bases(), nil) {
		hasher, wanted := symmetric.Hasher{Base: base}, base
		if base == nil {
			wanted = hash.XX{}
		}
		t.Run(fmt.Sprintf("%T", base), func(t *testing.T) {
			batch, fields := make([]uint64, 101), make([]uint64, 101)
			batch[100], fields[100] = 42, 42
			hasher.HashBatch(batch, keys)
			hasher.HashFields(fields, headers, hash.ThreeTuple)
			for i, k := range keys {
				assert.Equal(t, wanted.Hash(k.Canonical()), hasher.Hash(k))
				assert.Equal(t, hasher.Hash(k), batch[i])
				assert.Equal(t, hasher.Hash(hash.ThreeTuple.Extract(&headers[i], nil)), fields[i])
			}
			assert.Equal(t, uint64(42), batch[100])
			assert.Equal(t, uint64(42), fields[100])
			assert.Panics(t, func() { hasher.HashBatch(batch[:99], keys) })
			assert.Panics(t, func() { hasher.HashFields(batch[:99], headers, hash.ThreeTuple) })

			policy := hash.Policy{Extractor: hash.FiveTuple, Hasher: hasher}
			assert.Zero(t, testing.AllocsPerRun(10, func() { batch[0] = hasher.Hash(keys[0]) }))
			assert.Zero(t, testing.AllocsPerRun(10, func() { hasher.HashBatch(batch, keys) }))
			assert.Zero(t, testing.AllocsPerRun(10, func() { policy.HashHeaders(batch, headers, nil) }))
		})
	}
}

var (
	_ hash.BatchHasher  = symmetric.Hasher{}
	_ hash.FieldsHasher = symmetric.Hasher{}
)

func ExampleHasher() {
	hasher := symmetric.Hasher{Base: hash.XX{Seed: 1}}
	client, server := netip.MustParseAddrPort("10.0.0.1:49152"), netip.MustParseAddrPort("10.0.0.2:443")
	request := hash.NewFlowKey(hash.TCP, client, server)
	reply := hash.NewFlowKey(hash.TCP, server, client)
	fmt.Println(hasher.Hash(request) == hasher.Hash(reply))
	fmt.Println(hasher.Base.Hash(request) == hasher.Base.Hash(reply))
	// Output:
	// true
	// false
}

func BenchmarkHash(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	keys, headers := make([]hash.FlowKey, 1024), make([]hash.Headers, 1024)
	for i := range keys {
		keys[i] = hash.FlowKeyFromWords(r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
		headers[i].Outer = keys[i]
	}
	dst := make([]uint64, 32)
	for _, base := range bases() {
		hasher := symmetric.Hasher{Base: base}
		b.Run(fmt.Sprintf("base=%T/call=batch", base), func(b *testing.B) {
			at := 0
			for n := 0; n < b.N; n += 32 {
				hasher.HashBatch(dst, keys[at:at+32])
				at = (at + 32) & 1023
			}
		})
		b.Run(fmt.Sprintf("base=%T/call=headers", base), func(b *testing.B) {
			policy := hash.Policy{Extractor: hash.FiveTuple, Hasher: hasher}
			at := 0
			for n := 0; n < b.N; n += 32 {
				policy.HashHeaders(dst, headers[at:at+32], nil)
				at = (at + 32) & 1023
			}
		})
	}
}
