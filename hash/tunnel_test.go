package hash_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
)

// Parse and the model open tunnels behind the same IP protocols and UDP ports,
// and tunnelFrames has a frame of each.
//
// A packet that ends before the header of a tunnel has an error inside, so the
// test finds every tunnel that either of them knows.
func TestEveryTunnelIsKnown(t *testing.T) {
	protos, ports := map[uint8]bool{}, map[uint16]bool{}
	for _, f := range tunnelFrames() {
		var h hash.Headers
		if hash.Parse(f.bytes, &h) == nil && h.Tunnels > 0 {
			protos[h.Proto] = true
			ports[h.Outer.Dst().Port()] = true
		}
	}
	isTunnel := func(empty []byte) bool {
		var h hash.Headers
		want, wantErr := packet.FromIP(empty)
		if err := hash.ParseIP(empty, &h); err != nil || wantErr != nil {
			require.Equal(t, modelOutcome(wantErr), outcome(err))
			return false
		}
		assert.Equal(t, modelOutcome(want.InnerErr), outcome(h.InnerErr()),
			"protocol %d, UDP port %d: internal/golden/packet/tunnel.go differs from tunnel.go",
			h.Proto, h.Outer.Dst().Port())
		return h.InnerErr() != nil || want.InnerErr != nil
	}
	found := 0
	for proto := range 1 << 8 {
		if isTunnel(ip4(byte(proto), nil)) {
			assert.True(t, protos[byte(proto)], "protocol %d is a tunnel without a frame in tunnelFrames", proto)
			found++
		}
	}
	for port := range 1 << 16 {
		if isTunnel(ip4(hash.UDP, udpTo(uint16(port)))) {
			assert.True(t, ports[uint16(port)], "UDP port %d is a tunnel's without a frame in tunnelFrames", port)
			found++
		}
	}
	assert.GreaterOrEqual(t, found, 7)
}

// Every layer has its number, which is part of the interface, a name, and a
// frame in which it is bad.
func TestEveryLayerIsKnown(t *testing.T) {
	named := []string{
		"layer 0", "Ethernet", "VLAN", "IP", "IPv4", "IPv6", "IPv6 extension", "TCP", "UDP", "SCTP", "DCCP", "ICMP",
		"ESP", "AH", "MPLS", "pseudo-wire", "PPPoE", "GRE", "VXLAN", "Geneve", "GTP-U", "tunnel",
	}
	bad := map[string]bool{}
	for _, f := range frames() {
		for n := range len(f.bytes) + 1 { // some layers are bad only if they are not all here
			var h hash.Headers
			err := hash.ParseSnapped(f.bytes[:n], len(f.bytes), &h)
			if err == nil {
				err = h.InnerErr()
			}
			if parseErr, ok := errors.AsType[*hash.ParseError](err); ok {
				bad[parseErr.Layer().String()] = true
			}
		}
	}
	for i, name := range named {
		assert.Equal(t, name, hash.Layer(i).String(), "append new layers: the numbers of others stay")
		assert.True(t, i == 0 || bad[name], "no frame has a bad %s header", name)
	}
	next := hash.Layer(len(named))
	assert.Equal(t, fmt.Sprintf("layer %d", next), next.String(), "append its name here")
}
