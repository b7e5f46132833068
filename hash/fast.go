package hash

import (
	"encoding/binary"
)

// A fastTransport is a protocol that the fast path reads without a branch that
// depends on the protocol: those with ports, and those that carry IP. The fast
// path takes the latter to have ports as well until it hands them over.
type fastTransport struct {
	size      uint8  // at least so much must be there, and four bytes; 0 for all other protocols
	flagsAt   uint8  // where the flags of TCP are
	flagsMask uint8  // all ones for TCP
	shape     uint8  // of the tunnel, unless the port says which
	portMask  uint16 // all ones where a port may be that of a tunnel
	// alwaysTunnel is anyTunnel for protocols that always carry IP.
	alwaysTunnel uint16
}

//nolint:gochecknoglobals // read-only
var fastTransports = [256]fastTransport{
	TCP:       {size: 20, flagsAt: tcpFlagsAt, flagsMask: 0xff},
	UDP:       {size: 8, portMask: 0xffff},
	UDPLite:   {size: 8},
	SCTP:      {size: 12},
	DCCP:      {size: 12},
	protoIPv4: {size: 4, alwaysTunnel: anyTunnel, shape: shapeIPv4},
	protoIPv6: {size: 4, alwaysTunnel: anyTunnel, shape: shapeIPv6},
	GRE:       {size: 4, alwaysTunnel: anyTunnel, shape: shapeGRE},
}

const tcpFlagsAt = 13

// fastIPv4 returns the transport of the IPv4 header b, in a slice that holds
// room bytes from there on, if this is a whole packet without options, with all
// of the fixed part of its transport header; else nil.
func fastIPv4(b []byte, room int) *fastTransport {
	length := int(binary.BigEndian.Uint16(b[2:]))
	frag := binary.BigEndian.Uint16(b[6:])
	q := &fastTransports[b[9]]
	if b[0] != 4<<4|ipv4Size/4 || frag&(moreFragments|fragmentOffset) != 0 || q.size == 0 ||
		length < ipv4Size+int(q.size) || length > room {
		return nil
	}
	return q
}

// fastIPv6 does so for IPv6, without extension headers.
func fastIPv6(b []byte, room int) *fastTransport {
	length := int(binary.BigEndian.Uint16(b[4:]))
	q := &fastTransports[b[6]]
	if b[0]>>4 != 6 || q.size == 0 || length < int(q.size) || length > room-ipv6Size {
		return nil
	}
	return q
}

// parseIPv4 reads the IPv4 packet that starts at byte l3 of p, which p reaches.
func (t *portTable) parseIPv4(p []byte, missing, l3 int, h *Headers) error {
	// Whole packets without options, of protocols with ports and of tunnels.
	// For the others, and for those in which something is wrong, there is
	// parseAny.
	b := p[l3:]
	if len(b) < ipv4Size {
		return t.parseAny(p, missing, l3, 4, h)
	}
	q := fastIPv4(b, len(b))
	if q == nil {
		return t.parseAny(p, missing, l3, 4, h)
	}
	seg := b[ipv4Size:]
	ports := binary.LittleEndian.Uint32(seg)
	addrs := binary.LittleEndian.Uint64(b[12:])
	h.setFlow(0, addrs<<32|ip4Mapped, 0, addrs&ip4Addr|ip4Mapped, uint64(b[9])<<protoShift|uint64(ports))
	h.clearCited()
	h.clear()
	h.setOffsets(l3, l3+ipv4Size)
	h.setProtos(b[9], b[9], TCPFlags(seg[q.flagsAt]&q.flagsMask))
	if t.mayCarry(q, uint16(ports>>16)) {
		h.enter(p[:l3+int(binary.BigEndian.Uint16(b[2:]))], l3+ipv4Size, q, t)
	}
	return nil
}

// parseIPv6 reads the IPv6 packet that starts at byte l3 of p, which p reaches.
func (t *portTable) parseIPv6(p []byte, missing, l3 int, h *Headers) error {
	// As in parseIPv4. Extension headers are no fastTransports.
	b := p[l3:]
	if len(b) < ipv6Size {
		return t.parseAny(p, missing, l3, 6, h)
	}
	q := fastIPv6(b, len(b))
	if q == nil {
		return t.parseAny(p, missing, l3, 6, h)
	}
	seg := b[ipv6Size:]
	ports := binary.LittleEndian.Uint32(seg)
	h.setFlow(
		binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]),
		binary.LittleEndian.Uint64(b[24:]), binary.LittleEndian.Uint64(b[32:]),
		ipv6Label(b)|ip6Flag|uint64(b[6])<<protoShift|uint64(ports),
	)
	h.clearCited()
	h.clear()
	h.setOffsets(l3, l3+ipv6Size)
	h.setProtos(b[6], b[6], TCPFlags(seg[q.flagsAt]&q.flagsMask))
	if t.mayCarry(q, uint16(ports>>16)) {
		h.enter(p[:l3+ipv6Size+int(binary.BigEndian.Uint16(b[4:]))], l3+ipv6Size, q, t)
	}
	return nil
}

// fastInner4 reads an inner packet of IPv4 if it is one that the fast path
// would read: this is parseIPv4 for the inner fields. It returns the transport,
// nil if it is no such packet, and where the packet ends.
func (h *Headers) fastInner4(p []byte, l3 int) (q *fastTransport, end int) {
	b := p[l3:]
	if len(b) < ipv4Size {
		return nil, 0
	}
	q = fastIPv4(b, len(b))
	if q == nil {
		return nil, 0
	}
	addrs := binary.LittleEndian.Uint64(b[12:])
	k := &h.Inner
	k.src0, k.src1, k.dst0, k.dst1 = 0, addrs<<32|ip4Mapped, 0, addrs&ip4Addr|ip4Mapped
	h.InnerL3Offset, h.InnerL4Offset = uint16(l3), uint16(l3+ipv4Size)
	h.finishInner(b[ipv4Size:], uint64(b[9])<<protoShift, q)
	return q, l3 + int(binary.BigEndian.Uint16(b[2:]))
}

// fastInner6 does so for IPv6.
func (h *Headers) fastInner6(p []byte, l3 int) (q *fastTransport, end int) {
	b := p[l3:]
	if len(b) < ipv6Size {
		return nil, 0
	}
	q = fastIPv6(b, len(b))
	if q == nil {
		return nil, 0
	}
	k := &h.Inner
	k.src0, k.src1 = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	k.dst0, k.dst1 = binary.LittleEndian.Uint64(b[24:]), binary.LittleEndian.Uint64(b[32:])
	h.InnerL3Offset, h.InnerL4Offset = uint16(l3), uint16(l3+ipv6Size)
	h.finishInner(b[ipv6Size:], ipv6Label(b)|ip6Flag|uint64(b[6])<<protoShift, q)
	return q, l3 + ipv6Size + int(binary.BigEndian.Uint16(b[4:]))
}

// finishInner sets what follows from the transport header seg, given the last
// word of the key without ports.
func (h *Headers) finishInner(seg []byte, rest uint64, q *fastTransport) {
	if q.alwaysTunnel == 0 {
		rest |= uint64(binary.LittleEndian.Uint32(seg))
	}
	h.Inner.rest = rest
	h.InnerProto, h.InnerFlags = uint8(rest>>protoShift), TCPFlags(seg[q.flagsAt]&q.flagsMask)
}

// setFlow makes the words those of the flow of h. They come one by one because
// the compiler keeps a whole FlowKey in memory, where it writes words and then
// copies them two at a time, for which the processor has to wait. The caller
// completes h by the functions below.
func (h *Headers) setFlow(src0, src1, dst0, dst1, rest uint64) {
	h.Outer.src0, h.Inner.src0 = src0, src0
	h.Outer.src1, h.Inner.src1 = src1, src1
	h.Outer.dst0, h.Inner.dst0 = dst0, dst0
	h.Outer.dst1, h.Inner.dst1 = dst1, dst1
	h.Outer.rest, h.Inner.rest = rest, rest
}

// setOffsets and setProtos set adjacent fields from one word, which the
// compiler writes with one store.
func (h *Headers) setOffsets(l3, l4 int) {
	v := uint64(uint16(l3)) | uint64(uint16(l4))<<16
	v |= v << 32
	h.L3Offset, h.L4Offset = uint16(v), uint16(v>>16)
	h.InnerL3Offset, h.InnerL4Offset = uint16(v>>32), uint16(v>>48)
}

func (h *Headers) setProtos(proto, next uint8, tcp TCPFlags) {
	v := uint32(proto)*(1<<8|1) | uint32(next)<<16 | uint32(tcp)<<24
	h.Proto, h.InnerProto = uint8(v), uint8(v>>8)
	h.NextHeader, h.TCPFlags = uint8(v>>16), TCPFlags(v>>24)
	h.InnerFlags = tcp
}

// clearCited and clear zero the fields that most packets do without. Each of
// these functions is small enough to be inlined.
func (h *Headers) clearCited() {
	h.Cited = FlowKey{} // one by one: in one statement, one would be copied from the stack
	h.CitedInner = FlowKey{}
}

func (h *Headers) clear() {
	if h.view > kernelSame { // nobody else can have set it
		h.kernel = FlowKey{}
	}
	h.FragID, h.SPI, h.InnerSPI, h.TunnelID = 0, 0, 0, 0
	h.EntropyLabel, h.EchoID, h.InnerEchoID = 0, 0, 0
	h.Tunnels, h.view = 0, 0
	h.innerFault, h.innerAt = 0, 0
	h.Encapsulated, h.ICMPError, h.InnerICMPError = false, false, false
	h.FragFirst, h.FragLater, h.InnerFragment = false, false, false
}
