package hash

import "encoding/binary"

const (
	ipv4Size = 20

	// Of the fourth 16-bit word of IPv4, in network order.
	moreFragments  = 0x2000
	fragmentOffset = 0x1fff
)

// parseIPv4 reads the IPv4 packet that starts at byte l3 of p, which p reaches.
func parseIPv4(p []byte, l3 int, h *Headers) error {
	b := p[l3:]
	if len(b) < ipv4Size {
		return fail(h, shortIPv4, l3)
	}
	size := int(b[0]&0xf) * 4
	length := int(binary.BigEndian.Uint16(b[2:]))
	if b[0]>>4 != 4 || size < ipv4Size || length != 0 && length < size {
		return fail(h, badIPv4, l3)
	}
	if length == 0 {
		length = len(b)
	}
	if size > length || length > len(b) {
		return fail(h, shortIPv4, l3)
	}
	addrs := binary.LittleEndian.Uint64(b[12:])
	src, dst := addrs<<32|ip4Mapped, addrs&ip4Addr|ip4Mapped
	proto, l4 := b[9], l3+size
	rest := uint64(proto) << protoShift

	frag := binary.BigEndian.Uint16(b[6:])
	if frag&(moreFragments|fragmentOffset) != 0 {
		h.setFlow(0, src, 0, dst, rest)
		h.setRest(proto, 0, l3, l4)
		h.FragID = uint32(binary.BigEndian.Uint16(b[4:]))
		h.FragFirst = frag&fragmentOffset == 0
		h.FragLater = !h.FragFirst
		return nil
	}

	seg := b[size:length]
	t := &transports[proto]
	if len(seg) < int(t.size) {
		return fail(h, t.short, l4)
	}
	h.setFlow(0, src, 0, dst, rest|t.ports(seg))
	h.setRest(proto, tcpFlags(seg, proto), l3, l4)
	if proto == protoICMP && isErrorICMPv4(seg[0]) {
		h.cite(citedIPv4(seg))
	}
	return nil
}
