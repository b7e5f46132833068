package hash

import "encoding/binary"

// quickInner reads an inner packet, and reports whether it is one that the fast
// path would read: this is parseIPv4 and parseIPv6 for the inner fields. It
// makes c that packet.
func (h *Headers) quickInner(p []byte, l3 int, version uint8, c *carrier) bool {
	if version == 4 {
		return h.quickInner4(p, l3, c)
	}
	return h.quickInner6(p, l3, c)
}

func (h *Headers) quickInner4(p []byte, l3 int, c *carrier) bool {
	b := p[l3:]
	if len(b) < ipv4Size {
		return false
	}
	q := quickIPv4(b, len(b))
	if q == nil {
		return false
	}
	addrs := binary.LittleEndian.Uint64(b[12:])
	k := &h.Inner
	k.src0, k.src1, k.dst0, k.dst1 = 0, addrs<<32|ip4Mapped, 0, addrs&ip4Addr|ip4Mapped
	c.l4, c.end = l3+ipv4Size, l3+int(binary.BigEndian.Uint16(b[2:]))
	h.InnerL3Offset = uint16(l3)
	h.finishInner(b[ipv4Size:], uint64(b[9])<<protoShift, q, c)
	return true
}

func (h *Headers) quickInner6(p []byte, l3 int, c *carrier) bool {
	b := p[l3:]
	if len(b) < ipv6Size {
		return false
	}
	q := quickIPv6(b, len(b))
	if q == nil {
		return false
	}
	k := &h.Inner
	k.src0, k.src1 = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	k.dst0, k.dst1 = binary.LittleEndian.Uint64(b[24:]), binary.LittleEndian.Uint64(b[32:])
	c.l4, c.end = l3+ipv6Size, l3+ipv6Size+int(binary.BigEndian.Uint16(b[4:]))
	h.InnerL3Offset = uint16(l3)
	h.finishInner(b[ipv6Size:], ipv6Label(b)|ip6Flag|uint64(b[6])<<protoShift, q, c)
	return true
}

// finishInner sets what follows from the transport header seg, given the last
// word of the key without ports.
func (h *Headers) finishInner(seg []byte, rest uint64, q *quick, c *carrier) {
	if q.carrier == 0 {
		rest |= uint64(binary.LittleEndian.Uint32(seg))
	}
	c.rest, c.kernel, c.proto, c.stopped = rest, rest, uint8(rest>>protoShift), false
	h.Inner.rest = rest
	h.InnerProto, h.InnerFlags = c.proto, TCPFlags(seg[q.flagsAt]&q.flagsMask)
	h.InnerL4Offset = uint16(c.l4)
}

// quickIPv4 returns the transport of the IPv4 header b, in a slice that holds
// room bytes from there on, if this is a whole packet without options, with all
// of the fixed part of its transport header; else nil.
func quickIPv4(b []byte, room int) *quick {
	length := int(binary.BigEndian.Uint16(b[2:]))
	frag := binary.BigEndian.Uint16(b[6:])
	q := &quicks[b[9]]
	if b[0] != 4<<4|ipv4Size/4 || frag&(moreFragments|fragmentOffset) != 0 || q.size == 0 ||
		length < ipv4Size+int(q.size) || length > room {
		return nil
	}
	return q
}

// quickIPv6 does so for IPv6, without extension headers.
func quickIPv6(b []byte, room int) *quick {
	length := int(binary.BigEndian.Uint16(b[4:]))
	q := &quicks[b[6]]
	if b[0]>>4 != 6 || q.size == 0 || length < int(q.size) || length > room-ipv6Size {
		return nil
	}
	return q
}
