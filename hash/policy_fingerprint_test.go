package hash

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// halfSeeded is a hasher from elsewhere.
type halfSeeded struct{ seed uint64 }

func (s halfSeeded) Hash(k FlowKey) uint64 { return XX{Seed: s.seed}.Hash(k) &^ 1 }

// lengthKey is an extractor from elsewhere.
type lengthKey struct{ fields Fields }

func (e lengthKey) Extract(h *Headers, packet []byte) FlowKey {
	return e.fields.Extract(h, packet).WithLabel(uint32(len(packet)))
}

func TestPolicyFingerprint(t *testing.T) {
	ports := func(m map[uint16]Layer) TunnelPorts {
		p, err := NewTunnelPorts(m)
		require.NoError(t, err)
		return p
	}
	policies := map[string]Policy{
		"zero":         {},
		"seed":         {Hasher: XX{Seed: 1}},
		"high seed":    {Hasher: XX{Seed: 1 << 63}},
		"mix":          {Hasher: NewMix(0)},
		"mix seed":     {Hasher: NewMix(1)},
		"sip":          {Hasher: Sip{}},
		"crc":          {Hasher: CRC32C{}},
		"crc digest":   {Hasher: CRC32C{}, Digest: NewMix(1)},
		"symmetric":    {Extractor: FiveTuple | Symmetric},
		"inner":        {Extractor: Inner(FiveTuple)},
		"inner, few":   {Extractor: Inner(Addresses)},
		"ports":        {Ports: ports(map[uint16]Layer{4789: LayerVXLAN})},
		"other ports":  {Ports: ports(map[uint16]Layer{4790: LayerVXLAN})},
		"other layer":  {Ports: ports(map[uint16]Layer{4789: LayerGeneve})},
		"no ports":     {Ports: ports(nil)},
		"linux":        {Hasher: Linux611{Policy: LinuxL4}},
		"linux seed":   {Hasher: Linux611{Policy: LinuxL4, Seed: 1}},
		"linux inner":  {Hasher: Linux611{Policy: LinuxInner}},
		"foreign":      {Hasher: halfSeeded{}},
		"foreign seed": {Hasher: halfSeeded{1}},
		"extractor":    {Extractor: lengthKey{FiveTuple}},
		"extractor 2":  {Extractor: lengthKey{Addresses}},
	}
	for f := SrcAddr; f <= EchoID; f <<= 1 {
		switch {
		case f == Symmetric:
		case FiveTuple&f != 0:
			policies["without "+f.String()] = Policy{Extractor: FiveTuple &^ f}
		default:
			policies["with "+f.String()] = Policy{Extractor: FiveTuple | f}
		}
	}
	names := map[uint64]string{}
	for name, p := range policies {
		fingerprint := p.Fingerprint()
		assert.Equal(t, fingerprint, p.Fingerprint(), name)
		other, taken := names[fingerprint]
		assert.False(t, taken, "%s and %s", name, other)
		names[fingerprint] = name
	}
	assert.Equal(t, Policy{}.Fingerprint(),
		Policy{Extractor: FiveTuple, Hasher: XX{}, Digest: NewMix(7), Ports: ports(DefaultTunnelPorts())}.Fingerprint(),
		"what does not count does not change it")
}

// The fingerprint is compared by routers of different releases and
// architectures.
func TestPolicyFingerprintGolden(t *testing.T) {
	assert.Equal(t, uint64(0x87e6c6c47c8a90d0), Policy{}.Fingerprint())
	p := Policy{Extractor: Inner(FiveTuple | Symmetric), Hasher: NewMix(42)}
	assert.Equal(t, uint64(0x2a93b6dcd27be154), p.Fingerprint())
}

// Each packet is sound, and of a flow of its own.
func TestFingerprintPackets(t *testing.T) {
	packets := fingerprintPackets()
	flows := make([]Flow, len(packets))
	r := Policy{}.Reader()
	r.ReadIP(flows, packets)
	seen, reversed := map[uint64]bool{}, 0
	for i, f := range flows {
		require.NoError(t, r.Err(i), i)
		seen[f.Hash] = true
		var h Headers
		require.NoError(t, ParseIP(packets[i], &h))
		if h.Outer != h.Outer.Canonical() {
			reversed++
		}
		assert.NotEqual(t, netip.Addr{}, h.Outer.Src().Addr())
	}
	assert.Len(t, seen, len(packets))
	assert.Greater(t, reversed, len(packets)/3)
}
