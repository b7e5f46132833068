package main

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// A frame is a UDP packet to the service, without a checksum, which nobody
// here verifies, as its source port changes.
type frame struct {
	bytes   []byte
	udp     int16   // where the UDP header begins
	changed []int16 // words that planes change: MAC addresses, lifetime and checksum
}

// newFrame returns a frame of 60 bytes, or of IPv6 with 62.
func newFrame(ipv6 bool) frame {
	f := frame{bytes: make([]byte, 60), udp: 34, changed: []int16{0, 4, 8, 20, 24}}
	if ipv6 {
		f = frame{bytes: make([]byte, 62), udp: 54, changed: []int16{0, 4, 8, 20}}
	}
	to, from := testbed.MAC(0, 1), testbed.MAC(0, 2)
	copy(f.bytes, to[:])
	copy(f.bytes[6:], from[:])
	if ipv6 {
		binary.BigEndian.PutUint16(f.bytes[12:], unix.ETH_P_IPV6)
		fillIPv6(f.bytes[14:])
	} else {
		binary.BigEndian.PutUint16(f.bytes[12:], unix.ETH_P_IP)
		fillIPv4(f.bytes[14:])
	}
	udp := f.bytes[f.udp:]
	binary.BigEndian.PutUint16(udp[2:], 80)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	return f
}

func fillIPv4(ip []byte) {
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	copy(ip[12:], netip.MustParseAddr("10.9.0.2").AsSlice())
	copy(ip[16:], netip.MustParseAddr(testbed.Service4).AsSlice())
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
}

func fillIPv6(ip []byte) {
	ip[0], ip[6], ip[7] = 0x60, unix.IPPROTO_UDP, 64
	binary.BigEndian.PutUint16(ip[4:], uint16(len(ip)-40))
	copy(ip[8:], netip.MustParseAddr("2001:db8:9:0::2").AsSlice())
	copy(ip[24:], netip.MustParseAddr(testbed.Service6).AsSlice())
}
