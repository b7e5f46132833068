package hash

import "encoding/binary"

// citationOffset is where the packet that an ICMP error cites starts, in both versions.
const citationOffset = 8

// isErrorICMPv4 reports whether a type of ICMP is an error: destination unreachable, source quench, redirect, time
// exceeded, parameter problem (RFC 792).
func isErrorICMPv4(typ uint8) bool {
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// isErrorICMPv6 reports whether a type of ICMPv6 is an error: destination unreachable, packet too big, time exceeded,
// parameter problem (RFC 4443).
func isErrorICMPv6(typ uint8) bool { return 1 <= typ && typ <= 4 }

// cite makes h the headers of an ICMP error about the packet with key cited, if that was found.
func (h *Headers) cite(cited FlowKey, ok bool) {
	if ok {
		h.Cited = cited.Reverse()
		h.ICMPError = true
	}
}

// citedIPv4 returns the key of the packet that the ICMP error seg cites, as the packet was sent.
func citedIPv4(seg []byte) (FlowKey, bool) {
	if len(seg) < citationOffset+ipv4Size {
		return FlowKey{}, false
	}
	b := seg[citationOffset:]
	size := int(b[0]&0xf) * 4
	if b[0]>>4 != 4 || size < ipv4Size || size > len(b) {
		return FlowKey{}, false
	}
	addrs := binary.LittleEndian.Uint64(b[12:])
	k := FlowKey{
		src1: addrs<<32 | ip4Mapped,
		dst1: addrs&ip4Addr | ip4Mapped,
		rest: uint64(b[9]) << protoShift,
	}
	later := binary.BigEndian.Uint16(b[6:])&fragmentOffset != 0
	return citedPorts(k, b[size:], later)
}

// citedIPv6 returns the key of the packet that the ICMPv6 error seg cites, as the packet was sent.
func citedIPv6(seg []byte) (FlowKey, bool) {
	if len(seg) < citationOffset+ipv6Size {
		return FlowKey{}, false
	}
	b := seg[citationOffset:]
	if b[0]>>4 != 6 {
		return FlowKey{}, false
	}
	c, f := walkExtensions(b, ipv6Size, b[6])
	if c.fragFirst {
		// The ports are behind the fragment header, perhaps behind more extensions.
		c, f = walkExtensions(b, c.l4, c.proto)
		if c.fragment() {
			return FlowKey{}, false
		}
	}
	if f != 0 {
		return FlowKey{}, false
	}
	k := FlowKey{
		src0: binary.LittleEndian.Uint64(b[8:]),
		src1: binary.LittleEndian.Uint64(b[16:]),
		dst0: binary.LittleEndian.Uint64(b[24:]),
		dst1: binary.LittleEndian.Uint64(b[32:]),
		rest: ip6Flag | uint64(c.proto)<<protoShift,
	}
	return citedPorts(k, b[c.l4:], c.fragLater)
}

// citedPorts completes a key by the ports at the start of seg, where there are any. The four bytes of them are enough:
// an error need cite no more than eight bytes behind the IP header. A first fragment has its ports, because those are
// what the rest of the conversation goes by, even though its own key does without.
func citedPorts(k FlowKey, seg []byte, later bool) (FlowKey, bool) {
	t := &transports[k.Proto()]
	if later || !t.hasPorts {
		return k, true
	}
	if len(seg) < 4 {
		return FlowKey{}, false
	}
	k.rest |= t.ports(seg)
	return k, true
}
