package hash_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// turned returns an IPv4 packet in the other direction: the addresses of the
// header at byte 0 change places, and so do those of the header at byte inner,
// which is another one inside a tunnel, and the ports behind it.
func turned(p []byte, inner int) []byte {
	p = slices.Clone(p)
	swap := func(at, size int) {
		a, b := p[at:at+size], p[at+size:at+2*size]
		for i := range a {
			a[i], b[i] = b[i], a[i]
		}
	}
	swap(12, 4)
	if inner > 0 {
		swap(inner+12, 4)
	}
	swap(inner+20, 2)
	return p
}

// Under Inner, an ICMP error about a tunnelled packet meets the flow inside,
// and under the outer fields that of the tunnel (RFC 7690, for who balances
// tunnels).
func TestErrorsMeetTunnelledFlows(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		inner  int // where the inner IP header starts
	}{
		"VXLAN":     {ip4(17, udpTo(4789, vxlan(ether4(other4())))), 20 + 8 + 8 + 14},
		"GRE":       {ip4(47, gre(0x2000, 0x0800, other4())), 20 + 8},
		"IPIP":      {ip4(4, other4()), 20},
		"nested":    {ip4(4, ip4(17, udpTo(6081, geneve(8, 0x0800, other4())))), 20 + 20 + 8 + 16},
		"no tunnel": {ip4(6, tcp(0)), 0},
	} {
		var flow, reversed, h hash.Headers
		require.NoError(t, hash.ParseIP(c.packet, &flow))
		sent := turned(c.packet, c.inner) // what the receiver of the error has sent
		require.NoError(t, hash.ParseIP(sent, &reversed))
		icmpError := ip4(1, icmp(3, sent))
		require.NoError(t, hash.ParseIP(icmpError, &h))
		for _, fields := range []hash.Fields{hash.FiveTuple, hash.Addresses, hash.FiveTuple | hash.Symmetric} {
			if name != "VXLAN" { // the ports of a tunnel are no conversation's
				assert.Equal(t, fields.Extract(&flow, nil), fields.Extract(&h, nil), name)
			}
			assert.Equal(t, hash.Inner(fields).Extract(&flow, nil), hash.Inner(fields).Extract(&h, nil), name)
		}
		assert.Equal(t, flow.Inner, h.CitedInner, name)

		// The same with the error in a tunnel.
		require.NoError(t, hash.ParseIP(ip4(4, icmpError), &h))
		assert.Equal(t, flow.Inner, h.CitedInner, name)
		assert.Equal(t, hash.Inner(hash.FiveTuple).Extract(&flow, nil), hash.Inner(hash.FiveTuple).Extract(&h, nil))

		// Where the quote does not reach in, the flow of the tunnel is all
		// there is.
		require.NoError(t, hash.ParseIP(ip4(1, icmp(3, sent[:28])), &h))
		assert.Equal(t, h.Cited, h.CitedInner, name)
		require.NoError(t, h.InnerErr())
	}
}

func TestCitedEcho(t *testing.T) {
	echo := patch(ip4(1, icmp(8)), 24, 0x12, 0x34)
	var h hash.Headers
	require.NoError(t, hash.ParseIP(ip4(1, icmp(3, ip4(4, echo))), &h))
	assert.Zero(t, h.EchoID)
	assert.Equal(t, uint16(0x1234), h.InnerEchoID)
	require.NoError(t, hash.ParseIP(ip4(1, icmp(3, echo)), &h))
	assert.Equal(t, uint16(0x1234), h.EchoID)
	assert.Equal(t, uint16(0x1234), h.InnerEchoID)
}
