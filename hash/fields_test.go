package hash_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// extract is Fields.Extract in words: build a key of those parts of k that are
// in f.
func extract(f hash.Fields, k hash.FlowKey) hash.FlowKey {
	var src, dst netip.Addr
	var sport, dport uint16
	var proto uint8
	var label uint32
	if f&hash.SrcAddr != 0 {
		src = k.Src().Addr()
	}
	if f&hash.DstAddr != 0 {
		dst = k.Dst().Addr()
	}
	if f&hash.Proto != 0 {
		proto = k.Proto()
	}
	if f&hash.Label != 0 {
		label = k.Label()
	}
	if f&hash.SrcPort != 0 {
		sport = k.Src().Port()
	}
	if f&hash.DstPort != 0 {
		dport = k.Dst().Port()
	}
	if k.Is6() && !src.IsValid() && !dst.IsValid() {
		src = netip.IPv6Unspecified() // for the flag
	}
	return hash.NewFlowKey(proto, netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)).WithLabel(label)
}

func TestExtract(t *testing.T) {
	keys := randomKeys(rand.New(rand.NewPCG(11, 12)), 300)
	for i := 0; i < len(keys); i += 3 {
		h := hash.Headers{Outer: keys[i], Inner: keys[i+1], Cited: keys[i+2]}
		for f := range hash.Fields(64) {
			require.Equal(t, extract(f, h.Outer), f.Extract(&h, nil), "%s of %s", f, h.Outer)
			require.Equal(t, extract(f, h.Inner), hash.Inner(f).Extract(&h, nil), "inner %s of %s", f, h.Inner)
			require.Equal(t, extract(f, h.Outer).Canonical(), (f|hash.Symmetric).Extract(&h, nil),
				"symmetric %s of %s", f, h.Outer)
			h.ICMPError, h.InnerICMPError, h.CitedInner = true, true, keys[i].Reverse()
			require.Equal(t, extract(f, h.Cited), f.Extract(&h, nil), "%s of %s", f, h.Cited)
			require.Equal(t, extract(f, h.CitedInner), hash.Inner(f).Extract(&h, nil), "inner %s", f)
			h.ICMPError, h.InnerICMPError = false, false
		}
	}
}

// A flow label must not count unless it is asked for.
func TestLabelIsChosen(t *testing.T) {
	var a, b hash.Headers
	require.NoError(t, hash.Parse(ether6(ip6(6, tcp(0))), &a))
	require.NoError(t, hash.Parse(ether6(patch(ip6(6, tcp(0)), 1, 0x0a, 0xbc, 0xde)), &b))
	assert.NotEqual(t, a.Outer, b.Outer)
	assert.Equal(t, hash.FiveTuple.Extract(&a, nil), hash.FiveTuple.Extract(&b, nil))
	assert.Equal(t, uint32(0xabcde), (hash.Addresses|hash.Label).Extract(&b, nil).Label())
}

func TestNames(t *testing.T) {
	assert.Equal(t, "SrcAddr|DstAddr|Proto|SrcPort|DstPort", hash.FiveTuple.String())
	assert.Equal(t, "SrcAddr|DstAddr|Proto", hash.ThreeTuple.String())
	assert.Equal(t, "SrcAddr|DstAddr", hash.Addresses.String())
	assert.Equal(t, "Label", hash.Label.String())
	assert.Equal(t, "Proto|Symmetric", (hash.Proto | hash.Symmetric).String())
	assert.Equal(t, "none", hash.Fields(0).String())
	assert.Equal(t, "Inner(SrcAddr|DstAddr)", hash.Inner(hash.Addresses).(hash.Fields).String())
	assert.Equal(t, "SYN|ACK", (hash.SYN | hash.ACK).String())
	assert.Equal(t, "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR", hash.TCPFlags(255).String())
	assert.Equal(t, "none", hash.TCPFlags(0).String())
	assert.Equal(t, "IPv6 extension", hash.LayerExtension.String())
	assert.Equal(t, "layer 0", hash.Layer(0).String())
}
