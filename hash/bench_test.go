package hash_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/ecmp-go/ecmp/hash"
)

// mixed returns n sound frames in random order, most of them TCP and UDP: a
// third of IPv6, some tagged, some with extensions or options, a few fragments
// and ICMP errors.
func mixed(n int) [][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	var common, rare [][]byte
	for _, f := range frames() {
		switch {
		case f.err != nil, f.tunnels > 0:
		case f.name == "TCP4", f.name == "UDP4", f.name == "TCP6", f.name == "802.1Q":
			common = append(common, f.bytes)
		default:
			rare = append(rare, f.bytes)
		}
	}
	all := make([][]byte, n)
	for i := range all {
		from := common
		if i%16 == 0 {
			from = rare
		}
		all[i] = append([]byte{}, from[r.IntN(len(from))]...)
	}
	r.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// BenchmarkParse parses 4,096 frames that are in the cache. Fetching a cold
// frame costs more than parsing it.
func BenchmarkParse(b *testing.B) {
	for _, bench := range []struct {
		name   string
		frames [][]byte
	}{
		{"frames=mixed", mixed(4096)},
		{"frames=udp4", repeat(ether4(ip4(17, udp())))},
		{"frames=vxlan", repeat(ether4(ip4(17, udpTo(4789, vxlan(ether4(other4()))))))},
		{"frames=gre", repeat(ether4(ip4(47, gre(0x2000, 0x0800, other4()))))},
		{"frames=ipip", repeat(ether4(ip4(4, other4())))},
		{"frames=mpls", repeat(ether(0x8847, mpls(16, 17), ip4(6, tcp(0))))},
		{"frames=tcp4", repeat(ether4(ip4(6, tcp(hash.ACK))))},
		{"frames=tcp6", repeat(ether6(ip6(6, tcp(hash.ACK))))},
		{"frames=bad", repeat(ether4(ip4(6, tcp(0))[:39]))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			headers := make([]hash.Headers, 32)
			failed, i := 0, 0
			for b.Loop() {
				if hash.Parse(bench.frames[i&4095], &headers[i&31]) != nil {
					failed++
				}
				i++
			}
			if failed != 0 && failed != i {
				b.Fatal("some frames failed")
			}
		})
	}
}

func repeat(frame []byte) [][]byte {
	all := make([][]byte, 4096)
	for i := range all {
		all[i] = frame
	}
	return all
}

func randomKeys(r *rand.Rand, n int) []hash.FlowKey {
	keys := make([]hash.FlowKey, n)
	for i := range keys {
		keys[i] = hash.NewFlowKey(uint8(r.Uint32()), randomAddrPort(r), randomAddrPort(r)).WithLabel(r.Uint32())
	}
	return keys
}

func randomAddrPort(r *rand.Rand) netip.AddrPort {
	var a [16]byte
	for i := range a {
		a[i] = byte(r.Uint32())
	}
	addr := netip.AddrFrom16(a)
	if r.IntN(2) == 0 {
		addr = netip.AddrFrom4([4]byte(a[:4]))
	}
	return netip.AddrPortFrom(addr, uint16(r.Uint32()))
}

// BenchmarkHash hashes random keys that are in the cache; one operation is one
// key.
func BenchmarkHash(b *testing.B) {
	keys := randomKeys(rand.New(rand.NewPCG(5, 6)), 1024)
	dst := make([]uint64, 32)
	for _, bench := range builtIn {
		b.Run("hasher="+bench.name+"/call=single", func(b *testing.B) {
			i := 0
			for b.Loop() {
				dst[0] ^= bench.hasher.Hash(keys[i&1023])
				i++
			}
		})
		b.Run("hasher="+bench.name+"/call=batch", func(b *testing.B) {
			at := 0
			for n := 0; n < b.N; n += 32 {
				bench.hasher.HashBatch(dst, keys[at:at+32])
				at = (at + 32) & 1023
			}
		})
	}
}

// BenchmarkHashHeaders hashes bursts of 32 parsed headers; one operation is one
// packet.
func BenchmarkHashHeaders(b *testing.B) {
	headers := make([]hash.Headers, 1024)
	for i, f := range mixed(1024) {
		if err := hash.Parse(f, &headers[i]); err != nil {
			b.Fatal(err)
		}
	}
	dst := make([]uint64, 32)
	for _, bench := range builtIn {
		for _, e := range []struct {
			name      string
			extractor hash.Extractor
		}{
			{"FiveTuple", hash.FiveTuple},
			{"other", foreignExtractor{}},
		} {
			b.Run("hasher="+bench.name+"/extractor="+e.name, func(b *testing.B) {
				policy := hash.HeaderHasher(hash.Policy{Extractor: e.extractor, Hasher: bench.hasher})
				at := 0
				for n := 0; n < b.N; n += 32 {
					policy.HashHeaders(dst, headers[at:at+32], nil)
					at = (at + 32) & 1023
				}
			})
		}
	}
}

// BenchmarkLinux predicts: it hashes bursts of 32 parsed headers; one operation
// is one packet.
func BenchmarkLinux(b *testing.B) {
	var v4, v6 []hash.Headers
	for _, k := range randomKeys(rand.New(rand.NewPCG(25, 26)), 4096) {
		h := hash.Headers{Outer: k, Inner: k, Proto: k.Proto(), NextHeader: k.Proto()}
		if k.Is6() {
			v6 = append(v6, h)
		} else {
			v4 = append(v4, h)
		}
	}
	dst := make([]uint64, 32)
	for _, family := range []struct {
		name    string
		headers []hash.Headers
	}{{"IPv4", v4[:512]}, {"IPv6", v6[:512]}} {
		for policy := range hash.LinuxPolicy(4) {
			b.Run(fmt.Sprintf("family=%s/policy=%d", family.name, policy), func(b *testing.B) {
				linux := hash.HeaderHasher(hash.Linux611{Seed: 1, Policy: policy, Fields: 0x37})
				at := 0
				for n := 0; n < b.N; n += 32 {
					linux.HashHeaders(dst, family.headers[at:at+32], nil)
					at = (at + 32) & 511
				}
			})
		}
	}
}

// BenchmarkSum64 is xxhash's own Sum64 over the 40 bytes of keys, for
// comparison with BenchmarkHash. The bytes are there already; making them of a
// key is not counted.
func BenchmarkSum64(b *testing.B) {
	encodings := make([][]byte, 1024)
	for i, k := range randomKeys(rand.New(rand.NewPCG(5, 6)), 1024) {
		encodings[i], _ = k.AppendBinary(nil)
	}
	sum, i := uint64(0), 0
	for b.Loop() {
		sum ^= xxhash.Sum64(encodings[i&1023])
		i++
	}
	if sum == 1 {
		b.Fatal("used")
	}
}

// foreignExtractor and foreignHasher stand for types of a user.
type foreignExtractor struct{}

func (foreignExtractor) Extract(h *hash.Headers, _ []byte) hash.FlowKey {
	return hash.FiveTuple.Extract(h, nil)
}

type foreignHasher struct{}

func (foreignHasher) Hash(k hash.FlowKey) uint64 { return hash.XX{Seed: 9}.Hash(k) }
