package hash_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
)

// readerPolicies has every loop of a Reader, and every way out of them.
func readerPolicies() []hash.Policy {
	policies := []hash.Policy{
		{},
		{Extractor: hash.ThreeTuple | hash.Label, Digest: hash.Sip{}},
		{Extractor: hash.FiveTuple | hash.Symmetric, Hasher: hash.XX{Seed: 3}},
		{Hasher: hash.NewMix(1)},
		{Extractor: hash.Inner(hash.FiveTuple), Hasher: hash.NewMix(2)},
		{Extractor: hash.Addresses | hash.SrcPort | hash.Symmetric, Hasher: hash.NewMix(2)},
		{Extractor: hash.FiveTuple | hash.SPI | hash.EchoID, Hasher: hash.NewMix(3)},
		{Extractor: hash.Inner(hash.Label | hash.DstAddr | hash.SPI), Hasher: hash.Sip{K0: 1, K1: 2}},
		{Hasher: hash.CRC32C{}},
		{Extractor: hash.Inner(hash.FiveTuple), Hasher: mustToeplitz(), Digest: hash.XX{}},
		{Hasher: hash.Linux611{Seed: 1, Policy: hash.LinuxCustom, Fields: 0xfff}},
		{Extractor: foreignExtractor{}, Hasher: foreignHasher{}},
		{Extractor: lastByte{}, Hasher: hash.CRC32C{}, Digest: foreignHasher{}},
		{Hasher: foreignHasher{}},
	}
	return policies
}

// A readerCheck holds a Reader to Parse and its Policy, and to the model.
type readerCheck struct {
	policy hash.Policy
	reader *hash.Reader
	inner  bool
	noneIs bool // none is plain, because the policy needs Headers
}

func readerChecks() []*readerCheck {
	var all []*readerCheck
	for _, p := range readerPolicies() {
		c := &readerCheck{policy: p, reader: p.Reader()}
		fields, ok := p.Extractor.(hash.Fields)
		c.inner = ok && fields == hash.Inner(fields)
		_, linux := p.Hasher.(hash.Linux611)
		c.noneIs = p.Extractor != nil && !ok || linux
		all = append(all, c)
	}
	return all
}

// check reads packets in one burst.
func (c *readerCheck) check(t *testing.T, packets [][]byte, ethernet bool) {
	flows := make([]hash.Flow, len(packets))
	for i := range flows { // stale
		flows[i] = hash.Flow{Hash: 1<<64 - 1, L3: 1<<16 - 1, L4: 1<<16 - 1, Proto: 255, Flags: 255, TTL: 255, Kind: 255}
	}
	read, parse := c.reader.Read, hash.Parse
	if !ethernet {
		read, parse = c.reader.ReadIP, hash.ParseIP
	}
	read(flows, packets)
	for i, b := range packets {
		var h hash.Headers
		err := parse(b, &h)
		want := packet.Ports(nil).Read(b, ethernet, c.inner)
		want.Kind.Special = want.Kind.Special || c.noneIs && err == nil
		if got := reading(flows[i]); got != want {
			require.Equal(t, want, got, "%+v, frame %x", c.policy, b)
		}
		if got := c.reader.Err(i); got != err { //nolint:errorlint // these errors are shared
			require.Equal(t, err, got, "%+v, frame %x", c.policy, b)
		}
		headers := c.reader.Headers(i)
		if err != nil {
			require.Zero(t, flows[i].Hash)
			require.Nil(t, headers)
			continue
		}
		if want.Kind.Special != (headers != nil) || headers != nil && *headers != h {
			require.Equal(t, &h, headers, "%+v, frame %x", c.policy, b)
		}
		var hashes [1]uint64
		c.policy.HashHeaders(hashes[:], []hash.Headers{h}, [][]byte{b})
		if flows[i].Hash != hashes[0] {
			require.Equal(t, hashes[0], flows[i].Hash, "%+v, frame %x", c.policy, b)
		}
	}
}

func reading(f hash.Flow) packet.Reading {
	return packet.Reading{
		L3: int(f.L3), L4: int(f.L4), Proto: f.Proto, TCPFlags: uint8(f.Flags), TTL: f.TTL,
		Kind: packet.Kind{
			IPv6: f.Kind&hash.IPv6 != 0, LookupOnly: f.Kind&hash.LookupOnly != 0,
			Encapsulated: f.Kind&hash.Encapsulated != 0, NotIP: f.Kind&hash.NotIP != 0,
			Damaged: f.Kind&hash.Damaged != 0, Special: f.Kind&hash.Special != 0,
		},
	}
}

// plainFrames are those that the loops of a Reader are for: each protocol with
// ports, IPv4 and IPv6, with and without a tag, with and without padding, and
// what is nearly such a frame.
func plainFrames() [][]byte {
	var all [][]byte
	for proto, segment := range map[byte][]byte{
		hash.TCP: tcp(hash.SYN | hash.ACK), hash.UDP: udp(), hash.UDPLite: udpLite(), hash.SCTP: sctp(),
		hash.DCCP: dccp(), hash.GRE: tcp(0), hash.ICMP: icmp(8),
	} {
		for _, version := range []uint16{0x0800, 0x86dd} {
			p := ip4(proto, segment)
			if version == 0x86dd {
				p = ip6(proto, segment)
			}
			for _, padding := range []int{0, 1, 40} {
				padded := slices.Concat(p, make([]byte, padding))
				all = append(all, ether(version, padded), ether(0x8100, tag(7, version), padded),
					ether(0x88a8, tag(7, version), padded), ether(0x8100, tag(7, 0x8100), tag(8, version), padded),
					ether(version^0x08dd, padded))
			}
		}
	}
	return all
}

// A packet of 64 KiB is as plain as its protocol.
func TestReaderOfLongPackets(t *testing.T) {
	var all [][]byte
	for _, proto := range []byte{hash.TCP, hash.UDP, hash.ESP, hash.ICMPv6, hash.GRE, 44, 59, 41, 0} {
		for _, length := range []int{65515, 65516, 65535} {
			payload := slices.Concat(tcp(hash.ACK), make([]byte, length))
			all = append(all, ether(0x86dd, ip6(proto, payload[:length])))
			if length <= 65515 {
				all = append(all, ether(0x0800, ip4(proto, payload[:length])))
			}
		}
	}
	for _, c := range readerChecks() {
		c.check(t, all, true)
	}
}

func TestReaderAgrees(t *testing.T) {
	var all [][]byte
	for _, f := range frames() {
		all = append(all, f.bytes)
	}
	all = append(all, plainFrames()...)
	for _, c := range readerChecks() {
		c.check(t, all, true) // more than 64
		ip := slices.DeleteFunc(slices.Clone(all), func(b []byte) bool { return len(b) < 14 })
		for i := range ip {
			ip[i] = ip[i][14:]
		}
		c.check(t, ip, false)
		for _, n := range []int{0, 1, 63, 64, 65, 128} {
			c.check(t, all[:n], true)
			c.check(t, ip[:n], false)
		}
		assert.Panics(t, func() { c.reader.Read(make([]hash.Flow, 9, 10), all[:10]) })
	}
}

// Bursts of tagged frames, of others, and of both, one after the other: the
// Reader remembers what most frames were.
func TestReaderRemembersTags(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	var plain, tagged [][]byte
	for _, f := range plainFrames() {
		if len(f) > 14 && f[12] == 0x81 {
			tagged = append(tagged, f)
		} else {
			plain = append(plain, f)
		}
	}
	// An untagged packet that looks like a tagged one where its EtherType would
	// be: its length is 0x0800.
	long := ether4(ip4(6, append(tcp(0), make([]byte, 0x800-44)...)))
	require.Equal(t, []byte{8, 0}, long[16:18])
	for _, c := range readerChecks() {
		for range 20 {
			var burst [][]byte
			share := r.IntN(5) // quarters that are tagged
			for range 64 {
				from := plain
				if r.IntN(4) < share {
					from = tagged
				}
				burst = append(burst, from[r.IntN(len(from))])
			}
			c.check(t, append(burst[:63:63], long), true)
		}
	}
}

// Every truncation of plain frames, and every damage of one byte.
func TestReaderTruncations(t *testing.T) {
	checks := readerChecks()
	for _, f := range plainFrames() {
		var all, ip [][]byte
		for n := range len(f) + 1 {
			all = append(all, f[:n:n])
			if n >= 14 {
				ip = append(ip, f[14:n:n])
			}
		}
		for at := 12; at < min(len(f), 90); at++ {
			for _, bit := range []int{0, 3, 7} {
				all = append(all, patch(f, at, f[at]^1<<bit))
			}
		}
		for _, c := range checks[3:5] {
			c.check(t, all, true)
			c.check(t, ip, false)
		}
	}
}

func TestReaderMutations(t *testing.T) {
	n := mutations(t, 64*500) / 64
	corpus := frames()
	for _, f := range plainFrames() {
		corpus = append(corpus, frame{bytes: f})
	}
	r := rand.New(rand.NewPCG(41, 42))
	checks := readerChecks()
	drawn, ip := make([][]byte, 64), make([][]byte, 64)
	for range n {
		for i := range drawn {
			drawn[i] = mutate(r, corpus)
			ip[i] = drawn[i][min(14, len(drawn[i])):]
		}
		c := checks[r.IntN(len(checks))]
		c.check(t, drawn, true)
		c.check(t, ip, false)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range frames() {
		f.Add(seed.bytes)
	}
	for _, seed := range plainFrames() {
		f.Add(seed)
	}
	addCorpus(f, "testdata/FuzzParse.hex")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range readerChecks() {
			c.check(t, [][]byte{b}, true)
			c.check(t, [][]byte{b}, false)
		}
	})
}

// The loops stop at the end of the slice, and what they saw before does not
// count.
func TestReaderNoOverRead(t *testing.T) {
	reader := hash.Policy{Hasher: hash.NewMix(1)}.Reader()
	for _, f := range plainFrames() {
		for n := range len(f) + 1 {
			var flows [3]hash.Flow
			reader.Read(flows[:], [][]byte{
				append(bytes.Clone(f[:n]), make([]byte, 128)...)[:n],
				append(bytes.Clone(f[:n]), bytes.Repeat([]byte{0xff}, 128)...)[:n],
				bytes.Clone(f)[:n:n],
			})
			require.Equal(t, flows[0], flows[1])
			require.Equal(t, flows[1], flows[2])
		}
	}
}

func TestReaderAllocatesNothing(t *testing.T) {
	burst := mixed(200)
	flows := make([]hash.Flow, len(burst))
	for _, p := range readerPolicies() {
		reader := p.Reader()
		assert.Zero(t, testing.AllocsPerRun(10, func() { reader.Read(flows, burst[:64]) }), "%+v", p)
		reader.Read(flows, burst) // makes room
		assert.Zero(t, testing.AllocsPerRun(10, func() { reader.Read(flows, burst) }), "%+v", p)
		assert.Zero(t, testing.AllocsPerRun(10, func() { reader.ReadIP(flows, burst) }), "%+v", p)
		key := hash.FlowKeyFromWords(1, 2, 3, 4, 5)
		assert.Zero(t, testing.AllocsPerRun(10, func() { flows[0].Hash = p.Hash(key) }), "%+v", p)
	}
}

// What Read says of a flow is what its Policy says of the key.
func TestReaderIsPolicyHash(t *testing.T) {
	for _, p := range readerPolicies() {
		if _, ok := p.Extractor.(lastByte); ok {
			continue
		}
		reader := p.Reader()
		for _, f := range plainFrames() {
			var h hash.Headers
			if hash.Parse(f, &h) != nil || h.EchoID != 0 || h.Tunnels != 0 {
				continue
			}
			flows, key := make([]hash.Flow, 1), h.Outer
			if p.Extractor == hash.Extractor(foreignExtractor{}) {
				key = p.Extractor.Extract(&h, f)
			}
			reader.Read(flows, [][]byte{f})
			require.Equal(t, p.Hash(key), flows[0].Hash, "%+v", p)
		}
	}
}

func TestKindNames(t *testing.T) {
	assert.Equal(t, "none", hash.Kind(0).String())
	assert.Equal(t, "IPv6|LookupOnly|Encapsulated|NotIP|Damaged|Special", hash.Kind(63).String())
}

// BenchmarkRead reads bursts of 64 frames of 4,096 that are in the cache.
func BenchmarkRead(b *testing.B) {
	for _, bench := range []struct {
		name   string
		frames [][]byte
	}{
		{"tcp4", repeat(ether4(ip4(6, tcp(hash.ACK))))},
		{"tcp6", repeat(ether6(ip6(6, tcp(hash.ACK))))},
		{"vlan4", repeat(ether(0x8100, tag(7, 0x0800), ip4(6, tcp(hash.ACK))))},
		{"mixed", mixed(4096)},
	} {
		for _, hasher := range []hash.Hasher{hash.NewMix(1), hash.XX{Seed: 1}} {
			b.Run(fmt.Sprintf("frames=%s/hasher=%T", bench.name, hasher), func(b *testing.B) {
				reader := hash.Policy{Hasher: hasher}.Reader()
				flows := make([]hash.Flow, 64)
				for n := 0; n < b.N; n += 64 {
					at := n & 4095
					reader.Read(flows, bench.frames[at:at+64])
				}
			})
		}
	}
}
