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
	k := ipv4Key(b)
	frag := binary.BigEndian.Uint16(b[6:])
	if frag&(moreFragments|fragmentOffset) != 0 {
		h.set(k, 0, l3, l3+size)
		h.FragID = uint32(binary.BigEndian.Uint16(b[4:]))
		h.FragFirst = frag&fragmentOffset == 0
		h.FragLater = !h.FragFirst
		return nil
	}
	seg := b[size:length]
	ports, tcp, f := transport(seg, b[9])
	if f != 0 {
		return fail(h, f, l3+size)
	}
	k.rest |= uint64(ports)
	h.set(k, tcp, l3, l3+size)
	if b[9] == protoICMP && isErrorICMPv4(seg[0]) {
		h.cite(citedIPv4(seg))
	}
	return nil
}

// ipv4Key returns the key of the IPv4 header b, without ports.
func ipv4Key(b []byte) FlowKey {
	addrs := binary.LittleEndian.Uint64(b[12:])
	return FlowKey{
		src1: addrs<<32 | ip4Mapped,
		dst1: addrs&ip4Addr | ip4Mapped,
		rest: uint64(b[9]) << protoShift,
	}
}
