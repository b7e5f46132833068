// Package tunnel is a slow, obviously right model of tunnels of IP in IP, for
// tests: it writes each header byte by byte, as the RFCs have it, and shares no
// code with what it checks.
package tunnel

import "net/netip"

// Put returns the frame that carries the packet of another frame, which may
// have VLAN tags, in a tunnel between two addresses of one family: RFC 2003,
// RFC 4213 and RFC 2473, with the code points and the congestion marks of RFC
// 6040. What is behind the packet in the frame stays behind it.
func Put(local, remote netip.Addr, frame []byte) []byte {
	at := 14
	for frame[at-2] == 0x81 && frame[at-1] == 0x00 || frame[at-2] == 0x88 && frame[at-1] == 0xa8 {
		at += 4
	}
	packet := frame[at:]
	six := frame[at-2] == 0x86 && frame[at-1] == 0xdd

	protocol, class, length := byte(4), packet[1], int(packet[2])<<8|int(packet[3])
	if six {
		protocol, class, length = 41, packet[0]<<4|packet[1]>>4, int(packet[4])<<8|int(packet[5])
		if length != 0 {
			length += 40
		}
	}
	if length == 0 { // a jumbogram, or a packet that the sender left to be cut
		length = len(packet)
	}

	out := append([]byte{}, frame[:at-2]...)
	if local.Is4() {
		out = append(out, 0x08, 0x00)
		out = append(out, header4(local, remote, protocol, class, length)...)
	} else {
		out = append(out, 0x86, 0xdd)
		out = append(out, header6(local, remote, protocol, class, length)...)
	}
	return append(out, packet...)
}

// header4 is an IPv4 header without options: RFC 791.
func header4(from, to netip.Addr, protocol, class byte, length int) []byte {
	length += 20
	h := []byte{
		0x45, class, byte(length >> 8), byte(length), // version, length of the header in words
		0, 0, 0x40, 0, // never cut into pieces, so it needs no number: RFC 6864
		64, protocol, 0, 0, // time to live, and the checksum below
	}
	h = append(h, from.AsSlice()...)
	h = append(h, to.AsSlice()...)
	sum := 0
	for i := 0; i < len(h); i += 2 {
		sum += int(h[i])<<8 + int(h[i+1])
		if sum > 0xffff {
			sum -= 0xffff // the carry comes in again at the other end
		}
	}
	h[10], h[11] = byte(^sum>>8), byte(^sum)
	return h
}

// header6 is an IPv6 header: RFC 8200.
func header6(from, to netip.Addr, protocol, class byte, length int) []byte {
	h := []byte{
		0x60 | class>>4, class << 4, 0, 0, // version, class, no flow label
		byte(length >> 8), byte(length), protocol, 64, // and the hop limit
	}
	h = append(h, from.AsSlice()...)
	return append(h, to.AsSlice()...)
}
