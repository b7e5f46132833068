package plane

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// packets to be told of, with an Ethernet header and 200 bytes of payload.
func udp4(change func(ip []byte)) []byte {
	f := make([]byte, ethernetSize+ipv4Size+200)
	binary.BigEndian.PutUint16(f[12:], 0x0800)
	ip := f[ethernetSize:]
	ip[0], ip[6], ip[8], ip[9] = 0x45, 0x40, 1, 17
	copy(ip[12:], []byte{10, 0, 0, 1, 172, 16, 0, 20})
	change(ip)
	return f
}

func udp6(change func(ip []byte)) []byte {
	f := make([]byte, ethernetSize+ipv6Size+200)
	binary.BigEndian.PutUint16(f[12:], 0x86dd)
	ip := f[ethernetSize:]
	ip[0], ip[6], ip[7], ip[8], ip[24] = 0x60, 17, 1, 0x20, 0x20
	change(ip)
	return f
}

// Not every packet is answered: RFC 1122, section 3.2.2, and RFC 4443, 2.4.
func TestAnswerable(t *testing.T) {
	c := ICMP{From: []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("2001:db8::1")}}
	big := trouble{mtu: 1300}
	for _, test := range []struct {
		name  string
		frame []byte
		of    trouble
		want  bool
	}{
		{"plain", udp4(func([]byte) {}), trouble{}, true},
		{"too big", udp4(func([]byte) {}), big, true},
		{"may be cut", udp4(func(ip []byte) { ip[6] = 0 }), big, false},
		{"may be cut, no time", udp4(func(ip []byte) { ip[6] = 0 }), trouble{}, true},
		{"later fragment", udp4(func(ip []byte) { ip[7] = 1 }), trouble{}, false},
		{"from nobody", udp4(func(ip []byte) { clear(ip[12:16]) }), trouble{}, false},
		{"from a group", udp4(func(ip []byte) { ip[12] = 224 }), trouble{}, false},
		{"ping", udp4(func(ip []byte) { ip[9], ip[20] = 1, 8 }), trouble{}, true},
		{"error", udp4(func(ip []byte) { ip[9], ip[20] = 1, 3 }), trouble{}, false},
		{"plain 6", udp6(func([]byte) {}), big, true},
		{"ping 6", udp6(func(ip []byte) { ip[6], ip[40] = 58, 128 }), trouble{}, true},
		{"error 6", udp6(func(ip []byte) { ip[6], ip[40] = 58, 1 }), trouble{}, false},
		{"first fragment 6", udp6(func(ip []byte) { ip[6], ip[40], ip[43] = 44, 17, 1 }), trouble{}, true},
		{"later fragment 6", udp6(func(ip []byte) { ip[6], ip[40], ip[43] = 44, 17, 8 }), trouble{}, false},
		{"from a group 6", udp6(func(ip []byte) { ip[8] = 0xff }), trouble{}, false},
		{"no IP", make([]byte, 60), trouble{}, false},
		{"short", udp4(func([]byte) {})[:30], trouble{}, false},
	} {
		got := c.icmpError(make([]byte, icmpRoom), test.frame, test.of)
		assert.Equal(t, test.want, got != nil, test.name)
	}
	assert.Nil(t, (&ICMP{}).icmpError(make([]byte, icmpRoom), udp4(func([]byte) {}), trouble{}), "no address")
}

// The longest error, behind two VLAN tags, has room.
func TestICMPError(t *testing.T) {
	c := ICMP{From: []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("2001:db8::1")}}
	plain := udp6(func([]byte) {})
	tagged := append(append(append([]byte{}, plain[:12]...), 0x88, 0xa8, 0, 7, 0x81, 0, 0, 9), plain[12:]...)
	copy(tagged, "DSTMACSRCMAC")
	got := c.icmpError(make([]byte, icmpRoom), tagged, trouble{mtu: 1280})
	assert.Len(t, got, icmpRoom)
	assert.Equal(t, "SRCMACDSTMAC", string(got[:12]))
	assert.Equal(t, tagged[12:22], got[12:22], "tags and type")
	message := got[22+ipv6Size:]
	assert.Equal(t, []byte{2, 0}, message[:2])
	assert.Equal(t, uint32(1280), binary.BigEndian.Uint32(message[4:]))
	assert.Equal(t, tagged[22:22+ipv6Size+quoted], message[icmpHeaderSize:])
	sum := add(uint64(len(message))+58, got[22+8:22+40])
	assert.Zero(t, checksum(sum, message), "a whole checksum")

	got = c.icmpError(make([]byte, icmpRoom), udp4(func([]byte) {}), trouble{})
	message = got[ethernetSize+ipv4Size:]
	assert.Equal(t, []byte{11, 0}, message[:2])
	assert.Zero(t, checksum(0, got[ethernetSize:ethernetSize+ipv4Size]))
	assert.Zero(t, checksum(0, message))
}
