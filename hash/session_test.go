package hash_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// SPI and EchoID stand in place of ports, if they are asked for.
func TestSessionFields(t *testing.T) {
	esp := append(bytesOf(0x12, 0x34, 0x56, 0x78), make([]byte, 12)...)
	echo := func(typ byte) []byte { return patch(icmp(typ), 4, 0x12, 0x34) }
	back := patch(ip4(1, echo(8)), 12, 10, 0, 0, 2, 10, 0, 0, 1)
	for _, c := range []struct {
		name   string
		packet []byte
		fields hash.Fields
		want   string
	}{
		{"ESP", ip4(50, esp), hash.SPI, "protocol 50 10.0.0.1:4660 -> 10.0.0.2:22136"},
		{"ESP, not asked for", ip4(50, esp), hash.EchoID, "protocol 50 10.0.0.1:0 -> 10.0.0.2:0"},
		{"ESP6", ip6(50, esp), hash.SPI, "protocol 50 [2001:db8::1]:4660 -> [2001:db8::2]:22136"},
		{"AH", ip4(51, append(bytesOf(6, 1, 0, 0), esp...)), hash.SPI, "protocol 51 10.0.0.1:4660 -> 10.0.0.2:22136"},
		{"TCP behind AH", ip6(51, ah(6, 12), tcp(0)), hash.SPI, "TCP [2001:db8::1]:49152 -> [2001:db8::2]:443"},
		{"TCP", ip4(6, tcp(0)), hash.SPI | hash.EchoID, tcp4},
		{"echo", ip4(1, echo(8)), hash.EchoID, "ICMP 10.0.0.1:4660 -> 10.0.0.2:4660"},
		{"echo, not asked for", ip4(1, echo(8)), hash.SPI, icmp4},
		{"echo reply 6", ip6(58, echo(129)), hash.EchoID, "ICMPv6 [2001:db8::1]:4660 -> [2001:db8::2]:4660"},
		{"an error about an echo", patch(ip4(1, icmp(3, back)), 12, 192, 0, 2, 9), hash.EchoID,
			"ICMP 10.0.0.1:4660 -> 10.0.0.2:4660"},
		{"a fragment", patch(ip4(50, esp), 6, 0x20, 0), hash.SPI, "protocol 50 10.0.0.1:0 -> 10.0.0.2:0"},
	} {
		var h, carried hash.Headers
		require.NoError(t, hash.ParseIP(c.packet, &h))
		k := (hash.FiveTuple | c.fields).Extract(&h, nil)
		assert.Equal(t, c.want, k.String(), c.name)
		assert.Equal(t, k.Canonical(), (hash.FiveTuple|c.fields|hash.Symmetric).Extract(&h, nil), c.name)

		proto := byte(4)
		if k.Is6() {
			proto = 41
		}
		require.NoError(t, hash.ParseIP(ip4(proto, c.packet), &carried))
		assert.Equal(t, k, hash.Inner(hash.FiveTuple|c.fields).Extract(&carried, nil), c.name)
		assert.Equal(t, hash.FiveTuple.Extract(&carried, nil), (hash.FiveTuple|c.fields).Extract(&carried, nil),
			"the outer one has neither")
	}
}

func TestEncapsulated(t *testing.T) {
	for _, f := range frames() {
		var h hash.Headers
		if hash.Parse(f.bytes, &h) != nil {
			continue
		}
		link := f.bytes[12:h.L3Offset]
		encapsulated := link[0] == 0x88 && (link[1] == 0x47 || link[1] == 0x48 || link[1] == 0x64) ||
			f.name == "tagged MPLS"
		assert.Equal(t, encapsulated, h.Encapsulated, f.name)
	}
}
