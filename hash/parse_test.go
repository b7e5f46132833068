package hash_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

func TestParseKnown(t *testing.T) {
	for _, f := range frames() {
		t.Run(f.name, func(t *testing.T) {
			h := stale()
			err := hash.Parse(f.bytes, &h)
			if f.err != nil {
				require.ErrorIs(t, err, f.err)
				assert.Zero(t, h)
				if f.layer != 0 {
					var parseErr *hash.ParseError
					require.ErrorAs(t, err, &parseErr)
					assert.Equal(t, f.layer, parseErr.Layer())
					assert.Equal(t, f.offset, parseErr.Offset())
				}
				return
			}
			require.NoError(t, err)
			assert.Equal(t, f.outer, h.Outer.String())
			assert.Equal(t, f.cited != "", h.ICMPError)
			if f.cited != "" {
				assert.Equal(t, f.cited, h.Cited.String())
			}
			assert.Equal(t, f.tcp, h.TCPFlags)
			assert.Equal(t, f.first, h.FragFirst)
			assert.Equal(t, f.later, h.FragLater)
			assert.Equal(t, f.fragID, h.FragID)
			assert.Equal(t, f.l3, int(h.L3Offset))
			assert.Equal(t, f.l4, int(h.L4Offset))
			f.checkInner(t, &h)
		})
	}
}

// Every frame of the corpus must be there once, or a copied name would hide a
// case.
func TestFrameNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range frames() {
		assert.False(t, seen[f.name], "two frames are called %q", f.name)
		seen[f.name] = true
	}
}

func TestParseIPKnown(t *testing.T) {
	var h hash.Headers
	require.NoError(t, hash.ParseIP(ip4(6, tcp(hash.SYN)), &h))
	assert.Equal(t, tcp4, h.Outer.String())
	assert.Zero(t, h.L3Offset)
	assert.EqualValues(t, 20, h.L4Offset)

	require.NoError(t, hash.ParseIP(ip6(0, ext(17, 8), udp()), &h))
	assert.Equal(t, udp6, h.Outer.String())
	assert.EqualValues(t, 48, h.L4Offset)

	for _, version := range []byte{0, 1, 2, 3, 5, 7, 8, 15} {
		h = stale()
		require.ErrorIs(t, hash.ParseIP(patch(ip4(6, tcp(0)), 0, version<<4|5), &h), hash.ErrNotIP)
		assert.Zero(t, h)
	}
	h = stale()
	require.EqualError(t, hash.ParseIP(nil, &h), "hash: IP header at byte 0: truncated")
	assert.Zero(t, h)
	require.EqualError(t, hash.ParseIP(ip4(6, tcp(0))[:39], &h), "hash: IPv4 header at byte 0: truncated")
}

// All fragments of a datagram have one key, whatever follows the fragment
// header of the first.
func TestFragmentsAgree(t *testing.T) {
	datagrams := map[string][][]byte{
		"IPv4": {
			patch(ip4(17, udp()), 6, 0x20, 0),
			patch(ip4(17, make([]byte, 8)), 6, 0x20, 1),
			patch(ip4(17, bytesOf(1)), 6, 0, 2),
		},
		"IPv6": {
			ip6(44, frag6(60, 0, true), ext(17, 8), udp()),
			ip6(44, frag6(60, 3, true), make([]byte, 8)),
			ip6(44, frag6(60, 4, false), bytesOf(1)),
		},
	}
	for name, fragments := range datagrams {
		t.Run(name, func(t *testing.T) {
			var first hash.Headers
			require.NoError(t, hash.ParseIP(fragments[0], &first))
			assert.True(t, first.FragFirst)
			for _, fragment := range fragments[1:] {
				var h hash.Headers
				require.NoError(t, hash.ParseIP(fragment, &h))
				assert.True(t, h.FragLater)
				assert.Equal(t, first.Outer, h.Outer)
				assert.Equal(t, first.FragID, h.FragID)
			}
		})
	}
}

// An error about a packet is keyed like the packets that the other side sends
// in that conversation.
func TestCitedIsTheConversation(t *testing.T) {
	var sent, back, icmpError hash.Headers
	request := ip4(6, tcp(hash.ACK))
	require.NoError(t, hash.ParseIP(request, &sent))
	reply := slices.Concat(request[:12], request[16:20], request[12:16], request[22:24], request[20:22], request[24:])
	require.NoError(t, hash.ParseIP(reply, &back))
	require.NoError(t, hash.ParseIP(ip4(1, icmp(3, reply)), &icmpError))
	assert.Equal(t, sent.Outer.Reverse(), back.Outer)
	assert.Equal(t, sent.Outer, icmpError.Cited)
	assert.Equal(t, hash.FiveTuple.Extract(&sent, nil), hash.FiveTuple.Extract(&icmpError, nil))
}

// Every truncation of every frame agrees with the model.
func TestTruncations(t *testing.T) {
	for _, f := range frames() {
		for n := range len(f.bytes) + 1 {
			compare(t, f.bytes[:n:n])
		}
	}
}

// What was in the Headers before does not count, in fields that are not
// exported either.
func TestParseWritesEverything(t *testing.T) {
	for _, f := range frames() {
		var fresh hash.Headers
		used := stale()
		err := hash.Parse(f.bytes, &fresh)
		again := hash.Parse(f.bytes, &used)
		if again != err || used != fresh { //nolint:errorlint // these errors are shared
			require.Equal(t, fresh, used, f.name)
		}
	}
}

// What lies behind the slice in memory does not count. The slices have room
// behind them, so that reslicing too far does not panic.
func TestNoOverRead(t *testing.T) {
	for _, f := range frames() {
		for n := range len(f.bytes) + 1 {
			zeros := append(slices.Clone(f.bytes[:n]), make([]byte, 2048)...)[:n]
			ones := append(slices.Clone(f.bytes[:n]), slices.Repeat([]byte{0xff}, 2048)...)[:n]
			bare := slices.Clone(f.bytes)[:n]
			var a, b, c hash.Headers
			errA, errB, errC := hash.Parse(zeros, &a), hash.Parse(ones, &b), hash.Parse(bare, &c)
			if errA != errB || errB != errC || a != b || b != c { //nolint:errorlint // these errors are shared
				require.Failf(t, "depends on memory behind the frame", "%s cut to %d: %v, %v, %v", f.name, n, errA,
					errB, errC)
			}
		}
	}
}

// Damaged frames agree with the model. ECMP_MUTATIONS sets how many are tried.
func TestMutations(t *testing.T) {
	racecheck.OneGoroutine(t)
	n := mutations(t, 200_000)
	corpus := frames()
	r := rand.New(rand.NewPCG(1, 2))
	parsed := 0
	for range n {
		if compare(t, mutate(r, corpus)) {
			parsed++
		}
	}
	// Mutations that break everything, or nothing, test little.
	assert.Greater(t, parsed, n/10)
	assert.Less(t, parsed, n*9/10)
}

// mutations returns n, or what ECMP_MUTATIONS says.
func mutations(t *testing.T, n int) int {
	if s := os.Getenv("ECMP_MUTATIONS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err, "ECMP_MUTATIONS")
	}
	return n
}

// mutate returns a frame of the corpus with one to four changes.
func mutate(r *rand.Rand, corpus []frame) []byte {
	b := slices.Clone(corpus[r.IntN(len(corpus))].bytes)
	for range 1 + r.IntN(4) {
		if len(b) < 14 {
			return slices.Clip(b)
		}
		at := r.IntN(min(len(b), 128))
		switch r.IntN(8) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2:
			interesting := []byte{0, 1, 4, 6, 17, 43, 44, 45, 51, 58, 59, 60, 0x45, 0x46, 0x60, 0x81, 0x88, 0x08, 0xff}
			b[at] = interesting[r.IntN(len(interesting))]
		case 3: // one byte of a header: where the link header ends, most of them are
			b[12+r.IntN(min(len(b)-12, 12))] = byte(r.Uint32())
		case 4:
			b = b[:r.IntN(len(b)+1)]
		case 5:
			b = append(b, corpus[r.IntN(len(corpus))].bytes...)
		case 6:
			b = slices.Delete(b, at, min(len(b), at+1+r.IntN(8)))
		case 7:
			b = slices.Insert(b, at, make([]byte, 1+r.IntN(8))...)
		}
	}
	return slices.Clip(b)
}

// addCorpus adds what earlier fuzzing found of interest: one input a line.
func addCorpus(f *testing.F, name string) {
	text, err := os.ReadFile(name)
	require.NoError(f, err)
	lines := strings.Fields(string(text))
	require.NotEmpty(f, lines)
	for _, line := range lines {
		b, err := hex.DecodeString(line)
		require.NoError(f, err)
		f.Add(b)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range frames() {
		f.Add(seed.bytes)
	}
	addCorpus(f, "testdata/FuzzParse.hex")
	f.Fuzz(func(t *testing.T, b []byte) { compare(t, b) })
}

func FuzzParseIP(f *testing.F) {
	for _, seed := range frames() {
		if len(seed.bytes) >= 14 {
			f.Add(seed.bytes[14:])
		}
	}
	addCorpus(f, "testdata/FuzzParseIP.hex")
	f.Fuzz(func(t *testing.T, b []byte) {
		want, wantErr := packet.FromIP(b)
		h := stale()
		err := hash.ParseIP(b, &h)
		check(t, b, h, err, want, wantErr)
	})
}

// compare parses a frame, and the IP packet that would start in it, by both the
// library and the model. It reports whether the frame was good.
func compare(t *testing.T, b []byte) bool {
	h := stale()
	err := hash.Parse(b, &h)
	want, wantErr := packet.FromEthernet(b)
	check(t, b, h, err, want, wantErr)
	if len(b) >= 14 {
		ip, ipHeaders := b[14:], stale()
		ipErr := hash.ParseIP(ip, &ipHeaders)
		ipWant, ipWantErr := packet.FromIP(ip)
		check(t, ip, ipHeaders, ipErr, ipWant, ipWantErr)
	}
	return err == nil
}

func check(t *testing.T, b []byte, h hash.Headers, err error, want packet.Packet, wantErr error) {
	if got, want := outcome(err), modelOutcome(wantErr); got != want {
		require.Failf(t, "errors differ", "frame %x\ngot  %s\nwant %s", b, got, want)
	}
	if wantErr != nil {
		require.Zero(t, h)
		return
	}
	if got, wanted := exported(h), headers(want); got != wanted {
		require.Equal(t, wanted, got, "frame %x", b)
	}
	if got, want := outcome(h.InnerErr()), modelOutcome(want.InnerErr); got != want {
		require.Failf(t, "errors in the tunnel differ", "frame %x\ngot  %s\nwant %s", b, got, want)
	}
	checkKernel(t, b, h, want.Linux)
}

// checkKernel compares what Linux makes of a packet with the model.
func checkKernel(t *testing.T, b []byte, h hash.Headers, seen packet.Seen) {
	var dst [1]uint64
	for policy := range hash.LinuxPolicy(4) {
		linux := hash.Linux611{Seed: 7, Policy: policy, Fields: 0xfff}
		linux.HashHeaders(dst[:], []hash.Headers{h}, nil)
		model := packet.Kernel{Seed: 7, Policy: int(policy), Fields: 0xfff}
		if got, want := uint32(dst[0]>>32), model.Hash(seen); got != want || uint32(dst[0]) != 0 {
			require.Failf(t, "Linux differs", "policy %d, frame %x\ngot  %x\nwant %x, of %+v", policy, b, dst[0],
				want, seen)
		}
	}
}

// exported returns h without its unexported fields.
func exported(h hash.Headers) hash.Headers {
	return hash.Headers{
		Outer: h.Outer, Inner: h.Inner, Cited: h.Cited, CitedInner: h.CitedInner, FragID: h.FragID,
		SPI: h.SPI, InnerSPI: h.InnerSPI,
		TunnelID:     h.TunnelID,
		EntropyLabel: h.EntropyLabel, EchoID: h.EchoID, InnerEchoID: h.InnerEchoID, L3Offset: h.L3Offset,
		L4Offset:      h.L4Offset,
		InnerL3Offset: h.InnerL3Offset, InnerL4Offset: h.InnerL4Offset, Proto: h.Proto, InnerProto: h.InnerProto,
		NextHeader: h.NextHeader,
		TCPFlags:   h.TCPFlags, InnerFlags: h.InnerFlags, Tunnels: h.Tunnels, Encapsulated: h.Encapsulated,
		ICMPError: h.ICMPError, InnerICMPError: h.InnerICMPError,
		FragFirst: h.FragFirst, FragLater: h.FragLater, InnerFragment: h.InnerFragment,
	}
}

// outcome returns the error in the form of the model's.
func outcome(err error) string {
	if err == nil {
		return "none"
	}
	var parseErr *hash.ParseError
	if !errors.As(err, &parseErr) {
		if err == hash.ErrNotIP { //nolint:errorlint // promised to be this very error
			return "not IP"
		}
		return "unexpected: " + err.Error()
	}
	reason := "?"
	switch {
	case errors.Is(err, hash.ErrTruncated):
		reason = "truncated"
	case errors.Is(err, hash.ErrMalformed):
		reason = "malformed"
	case errors.Is(err, hash.ErrTooDeep):
		reason = "too deep"
	}
	return fmt.Sprintf("%s at %d: %s", parseErr.Layer(), parseErr.Offset(), reason)
}

func modelOutcome(err error) string {
	if err == nil {
		return "none"
	}
	return err.Error()
}

// headers returns what a packet of the model is as Headers.
func headers(p packet.Packet) hash.Headers {
	h := hash.Headers{
		Outer:          key(p.Outer.Flow),
		Inner:          key(p.Inner.Flow),
		FragID:         p.Outer.FragID,
		SPI:            p.Outer.SPI,
		InnerSPI:       p.Inner.SPI,
		TunnelID:       p.TunnelID,
		EntropyLabel:   p.Entropy,
		EchoID:         p.Outer.EchoID,
		InnerEchoID:    p.Inner.DeepEcho,
		L3Offset:       uint16(p.Outer.L3),
		L4Offset:       uint16(p.Outer.L4),
		InnerL3Offset:  uint16(p.Inner.L3),
		InnerL4Offset:  uint16(p.Inner.L4),
		Proto:          p.Outer.Flow.Proto,
		InnerProto:     p.Inner.Flow.Proto,
		NextHeader:     uint8(p.Outer.Next),
		TCPFlags:       hash.TCPFlags(p.Outer.TCPFlags),
		InnerFlags:     hash.TCPFlags(p.Inner.TCPFlags),
		Tunnels:        uint8(p.Tunnels),
		Encapsulated:   p.Encapsulated,
		ICMPError:      p.Outer.Cited != nil,
		InnerICMPError: p.Inner.Cited != nil,
		FragFirst:      p.Outer.First,
		FragLater:      p.Outer.Later,
		InnerFragment:  p.Inner.First || p.Inner.Later,
	}
	if p.Inner.Cited != nil { // that of the outer one, if this is an ICMP error
		h.Cited, h.CitedInner = key(*p.Inner.Cited), key(*p.Inner.Deepest)
	}
	return h
}

func key(f packet.Flow) hash.FlowKey {
	return hash.NewFlowKey(f.Proto, netip.AddrPortFrom(f.Src, f.SrcPort),
		netip.AddrPortFrom(f.Dst, f.DstPort)).WithLabel(f.Label)
}

// stale returns headers in which every field is set, as they may be left from
// an earlier packet.
func stale() hash.Headers {
	// Those that are not exported are set by parsing alone: a tunnel that Linux
	// enters, and an error in it.
	var h hash.Headers
	if err := hash.ParseIP(ip4(47, gre(0, 0x0800, ip4(47, nil))), &h); err != nil || h.InnerErr() == nil {
		panic("this packet was to have an error inside")
	}
	k := hash.FlowKeyFromWords(1<<64-1, 1<<64-1, 1<<64-1, 1<<64-1, 1<<64-1)
	h.Outer, h.Inner, h.Cited, h.CitedInner = k, k, k, k
	h.FragID, h.SPI, h.InnerSPI, h.TunnelID, h.EntropyLabel = 1<<32-1, 1<<32-1, 1<<32-1, 1<<32-1, 1<<32-1
	h.EchoID, h.InnerEchoID = 1<<16-1, 1<<16-1
	h.L3Offset, h.L4Offset, h.InnerL3Offset, h.InnerL4Offset = 1<<16-1, 1<<16-1, 1<<16-1, 1<<16-1
	h.Proto, h.InnerProto, h.NextHeader, h.TCPFlags, h.InnerFlags, h.Tunnels = 255, 255, 255, 255, 255, 255
	h.Encapsulated, h.ICMPError, h.InnerICMPError, h.FragFirst, h.FragLater, h.InnerFragment = true, true, true,
		true, true, true
	return h
}
