package hash

import "encoding/binary"

// citationOffset is where the packet that an ICMP error cites starts, in both
// versions.
const citationOffset = 8

// isErrorICMPv4 reports whether a type of ICMP is an error: destination
// unreachable, source quench, redirect, time exceeded, parameter problem (RFC
// 792).
func isErrorICMPv4(typ uint8) bool {
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// isErrorICMPv6 reports whether a type of ICMPv6 is an error: destination
// unreachable, packet too big, time exceeded, parameter problem (RFC 4443).
func isErrorICMPv6(typ uint8) bool { return 1 <= typ && typ <= 4 }

// isEchoICMP reports whether a type of ICMP or ICMPv6 is an echo request or
// reply.
func isEchoICMP(typ uint8, v6 bool) bool {
	if v6 {
		return typ == 128 || typ == 129
	}
	return typ == 8 || typ == 0
}

// readICMP reads the message seg, which is not empty.
func (v *level) readICMP(seg []byte) {
	typ, found := seg[0], true
	switch {
	case isEchoICMP(typ, v.key.Is6()):
		found = v.readEcho(seg)
		v.innerEchoID = v.echoID
	case v.quoted:
	case v.proto == ICMP && isErrorICMPv4(typ):
		v.icmpError = v.citeIPv4(seg)
		found = v.icmpError
	case v.proto == ICMPv6 && isErrorICMPv6(typ):
		v.icmpError = v.citeIPv6(seg)
		found = v.icmpError
	}
	if !found && v.missing > 0 {
		v.fault, v.at = shortICMP, v.l4
	}
}

// readEcho reads the identifier of an echo, and reports whether it is there.
func (v *level) readEcho(seg []byte) bool {
	if len(seg) < 6 {
		return false
	}
	v.echoID = binary.BigEndian.Uint16(seg[4:])
	return true
}

// citeIPv4 reads the flow of the packet that the ICMP error seg cites, and
// reports whether it found it.
func (v *level) citeIPv4(seg []byte) bool {
	if len(seg) < citationOffset+ipv4Size {
		return false
	}
	b := seg[citationOffset:]
	size := int(b[0]&0xf) * 4
	if b[0]>>4 != 4 || size < ipv4Size || size > len(b) {
		return false
	}
	addrs := binary.LittleEndian.Uint64(b[12:])
	k := FlowKey{
		src1: addrs<<32 | ip4Mapped,
		dst1: addrs&ip4Addr | ip4Mapped,
		rest: uint64(b[9]) << protoShift,
	}
	later := binary.BigEndian.Uint16(b[6:])&fragmentOffset != 0
	if !v.citePorts(k, b[size:], later) {
		return false
	}
	v.citeInner(b, 4)
	return true
}

// citeIPv6 reads the flow of the packet that the ICMPv6 error seg cites, and
// reports whether it found it.
func (v *level) citeIPv6(seg []byte) bool {
	if len(seg) < citationOffset+ipv6Size {
		return false
	}
	b := seg[citationOffset:]
	if b[0]>>4 != 6 {
		return false
	}
	c, f := walkExtensions(b, ipv6Size, b[6], true)
	if c.fragFirst {
		// The ports are behind the fragment header, perhaps behind more
		// extensions.
		c, f = walkExtensions(b, c.l4, c.proto, true)
		if c.fragment() {
			return false
		}
	}
	if f != 0 || !v.citePorts(ipv6Key(b, c.proto), b[c.l4:], c.fragLater) {
		return false
	}
	v.citeInner(b, 6)
	return true
}

// citePorts sets the cited flow, given its key without ports and what follows
// its headers, as the packet was sent. The four bytes of ports are enough: an
// error need cite no more than eight bytes behind the IP header. A first
// fragment has its ports, because those are what the rest of the conversation
// goes by, even though its own key does without.
func (v *level) citePorts(k FlowKey, seg []byte, later bool) bool {
	if !later {
		switch proto := k.Proto(); {
		case transports[proto].ports:
			if len(seg) < portsSize {
				return false
			}
			k.rest |= uint64(binary.LittleEndian.Uint32(seg))
		case proto == icmpOf(k.Is6()) && len(seg) == 0 && v.missing > 0:
			return false
		case proto == icmpOf(k.Is6()) && len(seg) > 0 && isEchoICMP(seg[0], k.Is6()):
			if !v.readEcho(seg) && v.missing > 0 {
				return false
			}
		}
	}
	v.h.Cited = k.Reverse()
	v.h.CitedInner, v.innerEchoID = v.h.Cited, v.echoID
	return true
}

// citeInner sets the innermost flow that is cited, if the quote, of IP version
// 4 or 6, is of a tunnel and reaches into it. It is read like a packet of which
// the end is missing; what is wrong in it does not count.
func (v *level) citeInner(quote []byte, version uint8) {
	if !v.ports.carry(v.h.Cited.Reverse()) {
		return
	}
	const endless = 1 << 16
	var h Headers
	q := level{h: &h, ports: v.ports, missing: endless, quoted: true}
	err := q.parse(quote, 0, version)
	if err == nil && h.Tunnels > 0 {
		v.h.CitedInner, v.innerEchoID = h.Inner.Reverse(), h.InnerEchoID
	}
	if v.missing > 0 && (err != nil || h.innerFault != 0) { // the rest of the quote may tell more
		v.h.setInnerFault(shortICMP, v.l4)
	}
}

// icmpOf returns the protocol that is ICMP in IPv4 or in IPv6.
func icmpOf(v6 bool) uint8 {
	if v6 {
		return ICMPv6
	}
	return ICMP
}
