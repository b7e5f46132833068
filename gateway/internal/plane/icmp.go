package plane

import (
	"encoding/binary"
	"net/netip"
)

// ICMP is what a plane sends by ICMP itself (RFC 1812 and 4443). Senders are told
// by errors that a packet was too big for the interface of its member, or had no
// time left. Pings of the single addresses of a [Service] that is Own are answered
// from there while a member of such a service takes new flows, and are lost else;
// they pin nothing. With Pings 0 members get them. So do they get pings in
// fragments or with IP options, those of a service of ICMP, and those of a prefix
// of several addresses, which may be a network behind them.
type ICMP struct {
	From []netip.Addr // the source of errors, at most one a family; without one none are sent
	Rate int          // errors a second and worker at most, and at once

	Pings int // answers a second and worker at most, and at once; what is more is dropped
}

// from returns the source of errors of a family.
func (c *ICMP) from(v6 bool) (addr netip.Addr, ok bool) {
	for _, a := range c.From {
		if a.Is6() == v6 {
			return a, true
		}
	}
	return netip.Addr{}, false
}

const (
	ethernetSize   = 14
	ipv4Size       = 20
	ipv6Size       = 40
	icmpHeaderSize = 8
	icmpTTL        = 64

	// What an error quotes of the packet at most: senders find their connection
	// by the first bytes of its payload, and the error has room in the memory of
	// the shortest frame.
	quoted = 128
)

// A trouble is what an ICMP error tells of.
type trouble struct {
	mtu uint32 // that the packet is too big for; 0: it had no time left
}

// network returns where the IP packet of a frame begins, behind VLAN tags, and
// whether that is IPv6.
func network(frame []byte) (at int, v6, ok bool) {
	for at = ethernetSize; at <= len(frame) && at <= ethernetSize+2*4; at += 4 {
		switch binary.BigEndian.Uint16(frame[at-2:]) {
		case 0x0800:
			return at, false, len(frame) >= at+ipv4Size
		case 0x86dd:
			return at, true, len(frame) >= at+ipv6Size
		case 0x8100, 0x88a8:
		default:
			return 0, false, false
		}
	}
	return 0, false, false
}

// icmpError writes the frame that tells the sender of another one of a trouble
// into memory, which is at least icmpRoom bytes, and returns it; nil if none is
// to be sent: in answer to an error, to a fragment but the first, to who is
// nobody, or of a packet that may be cut into pieces.
func (c *ICMP) icmpError(memory, frame []byte, t trouble) []byte {
	at, v6, ok := network(frame)
	from, configured := c.from(v6)
	if !ok || !configured {
		return nil
	}
	packet := frame[at:]
	ip := ipv4Size
	if v6 {
		ip = ipv6Size
	}
	if v6 && !answerable6(packet) || !v6 && !answerable4(packet, t) {
		return nil
	}
	n := min(len(packet), ip+quoted)
	whole := memory[:at+ip+icmpHeaderSize+n]
	copy(whole[at+ip+icmpHeaderSize:], packet[:n])
	copy(whole[12:at], frame[12:at]) // VLAN tags and the type
	copy(whole[:6], frame[6:12])
	copy(whole[6:12], frame[:6])
	message := whole[at+ip:]
	clear(message[:icmpHeaderSize])
	if v6 {
		writeIPv6(whole[at:at+ip], from, packet[8:24], len(message))
		message[0] = 3 // time exceeded
		if t.mtu > 0 {
			message[0] = 2 // packet too big
			binary.BigEndian.PutUint32(message[4:], t.mtu)
		}
		sum := add(uint64(len(message))+58, whole[at+8:at+40])
		binary.BigEndian.PutUint16(message[2:], checksum(sum, message))
		return whole
	}
	writeIPv4(whole[at:at+ip], from, packet[12:16], len(message))
	message[0] = 11 // time exceeded
	if t.mtu > 0 {
		message[0], message[1] = 3, 4 // fragmentation needed
		binary.BigEndian.PutUint16(message[6:], uint16(t.mtu))
	}
	binary.BigEndian.PutUint16(message[2:], checksum(0, message))
	return whole
}

// icmpRoom is the longest frame that icmpError writes, with two VLAN tags.
const icmpRoom = ethernetSize + 2*4 + ipv6Size + icmpHeaderSize + ipv6Size + quoted

// answerable4 reports whether an IPv4 packet is one to send an error about.
func answerable4(packet []byte, t trouble) bool {
	flags := binary.BigEndian.Uint16(packet[6:])
	const dontFragment, offset = 0x4000, 0x1fff
	source := netip.AddrFrom4([4]byte(packet[12:16]))
	header := int(packet[0]&15) * 4
	if flags&offset != 0 || t.mtu > 0 && flags&dontFragment == 0 || !somebody(source) || source.As4()[0] >= 224 {
		return false
	}
	if packet[9] != 1 {
		return true
	}
	if len(packet) <= header {
		return false
	}
	switch packet[header] { // echo, timestamp and their replies: no errors
	case 0, 8, 13, 14:
		return true
	}
	return false
}

// answerable6 is the same for an IPv6 packet.
func answerable6(packet []byte) bool {
	if !somebody(netip.AddrFrom16([16]byte(packet[8:24]))) {
		return false
	}
	const fragment, icmp = 44, 58
	next, at := packet[6], ipv6Size
	if next == fragment {
		if len(packet) < at+8 || binary.BigEndian.Uint16(packet[at+2:])&^7 != 0 {
			return false
		}
		next, at = packet[at], at+8
	}
	return next != icmp || len(packet) > at && packet[at] >= 128
}

func somebody(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() }

func writeIPv4(ip []byte, from netip.Addr, to []byte, length int) {
	clear(ip)
	ip[0], ip[8], ip[9] = 4<<4|ipv4Size/4, icmpTTL, 1
	binary.BigEndian.PutUint16(ip[2:], uint16(ipv4Size+length))
	source := from.As4()
	copy(ip[12:], source[:])
	copy(ip[16:], to)
	binary.BigEndian.PutUint16(ip[10:], checksum(0, ip))
}

func writeIPv6(ip []byte, from netip.Addr, to []byte, length int) {
	clear(ip)
	ip[0], ip[6], ip[7] = 6<<4, 58, icmpTTL
	binary.BigEndian.PutUint16(ip[4:], uint16(length))
	source := from.As16()
	copy(ip[8:], source[:])
	copy(ip[24:], to)
}

// add adds bytes to a sum for the checksum of RFC 1071. Words of four bytes add
// up to the same as those of two, as soon as the carries are added.
func add(sum uint64, b []byte) uint64 {
	for ; len(b) > 3; b = b[4:] {
		sum += uint64(binary.BigEndian.Uint32(b))
	}
	if len(b) > 1 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func checksum(sum uint64, b []byte) uint16 {
	for sum = add(sum, b); sum > 0xffff; {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
