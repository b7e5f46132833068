package hash

import "encoding/binary"

// parseAny reads any packet of IP version 4 or 6 that starts at byte l3 of p,
// which p reaches. Missing is how many bytes there were behind p when it was on
// the wire. It is out of line so that the way of most packets stays short.
//
//go:noinline
func (t *portTable) parseAny(p []byte, missing, l3 int, version uint8, h *Headers) error {
	h.clearCited()
	h.clear()
	v := level{h: h, ports: t, missing: missing}
	return v.parse(p, l3, version)
}

// parse reads a packet into the Headers of v.
func (v *level) parse(p []byte, l3 int, version uint8) error {
	h := v.h
	v.read(p, l3, version)
	if v.fault != 0 {
		return fail(h, v.fault, v.at)
	}
	h.setFlow(v.key.src0, v.key.src1, v.key.dst0, v.key.dst1, v.key.rest)
	h.setOffsets(v.l3, v.l4)
	h.setProtos(v.proto, v.next, v.flags)
	h.FragID, h.FragFirst, h.FragLater = v.fragID, v.fragFirst, v.fragLater
	h.SPI, h.EchoID = v.spi, v.echoID
	h.InnerSPI, h.InnerEchoID, h.InnerFragment = v.spi, v.innerEchoID, v.fragment()
	if v.icmpError {
		h.ICMPError, h.InnerICMPError = true, true
	}
	kernel := v.kernelRest()
	if kernel != v.key.rest {
		h.setKernel(kernelOuter, &v.key, kernel)
	}
	switch v.proto {
	case ICMP, ICMPv6:
		if cited, ok := v.kernelCitation(p[v.l4:v.end]); ok {
			h.setKernel(kernelCited, &cited, cited.rest)
		}
	case UDP, protoIPv4, protoIPv6, GRE:
		if !v.fragment() {
			c := v.position()
			v.descend(p, &c)
		}
	}
	return nil
}

// A level is one IP header of a packet and what follows it as far as the ports.
// The Headers are made from the outermost and the innermost level.
type level struct {
	key   FlowKey
	h     *Headers
	ports *portTable

	l3, l4, end int

	// missing is how many bytes of the packet were behind end on the wire, if
	// only its start is here.
	missing int

	// quoted says that an ICMP error quotes this packet. What it cites in turn
	// does not count.
	quoted bool

	proto, next uint8
	flags       TCPFlags

	// What most packets do without.
	ipExtras
}

// ipExtras are the fields of a level that are zero for a whole packet with
// ports.
type ipExtras struct {
	at          int // of the fault
	stop        uint64
	fragID      uint32
	spi         uint32
	echoID      uint16
	innerEchoID uint16 // of the innermost flow that an ICMP error cites, or echoID

	fault                fault
	fragFirst, fragLater bool
	icmpError            bool
	stopped              bool // as in a chain, like stop
}

func (v *level) fragment() bool { return v.fragFirst || v.fragLater }

// read reads the header of IP version 4 or 6 at l3, which p reaches. If that
// fails, fault and at say why, and the rest is of no use.
func (v *level) read(p []byte, l3 int, version uint8) {
	v.l3 = l3
	v.flags = 0
	v.ipExtras = ipExtras{}
	if version == 4 {
		v.readIPv4(p, l3)
	} else {
		v.readIPv6(p, l3)
	}
}

// setKey sets the key word by word, as Headers.setFlow does and for the same
// reason.
func (v *level) setKey(src0, src1, dst0, dst1, rest uint64) {
	v.key.src0, v.key.src1, v.key.dst0, v.key.dst1, v.key.rest = src0, src1, dst0, dst1, rest
}

// setEnd sets where the packet ends, given its length and how much of it is
// here, and reports whether there was as much on the wire.
func (v *level) setEnd(here, length int) bool {
	if length > here+v.missing {
		return false
	}
	v.end = v.l3 + min(length, here)
	v.missing = max(length-here, 0)
	return true
}

// readTransport reads the header behind IP. A packet that ends in it is sound
// as far as a router is concerned: its flow has what is there. If the rest of
// the header is missing, nobody knows.
func (v *level) readTransport(p []byte) {
	seg := p[v.l4:v.end]
	if v.fragment() {
		if v.missing > 0 && v.fragFirst && len(seg) < citationOffset+ipv6Size && v.proto == icmpOf(v.key.Is6()) {
			v.fault, v.at = shortICMP, v.l4 // for kernelCitation
		}
		return
	}
	t := &transports[v.proto]
	whole := len(seg) >= int(t.size)
	if !whole && v.missing > 0 {
		v.fault, v.at = t.short, v.l4
		return
	}
	switch {
	case t.ports && len(seg) >= portsSize:
		v.key.rest |= uint64(binary.LittleEndian.Uint32(seg))
		if whole {
			q := &fastTransports[v.proto]
			v.flags = TCPFlags(seg[q.flagsAt] & q.flagsMask)
		}
	case v.proto == icmpOf(v.key.Is6()) && len(seg) > 0:
		v.readICMP(seg)
	case v.proto == ESP && len(seg) >= 4:
		v.spi = binary.BigEndian.Uint32(seg)
	case v.proto == AH && len(seg) >= 8 && !v.key.Is6(): // in IPv6 it is an extension
		v.spi = binary.BigEndian.Uint32(seg[4:])
	}
}

// setInner makes the fields of the innermost level those of v.
func (h *Headers) setInner(v *level) {
	k := &v.key
	h.Inner.src0, h.Inner.src1, h.Inner.dst0, h.Inner.dst1, h.Inner.rest = k.src0, k.src1, k.dst0, k.dst1, k.rest
	h.InnerProto, h.InnerFlags = v.proto, v.flags
	h.InnerL3Offset, h.InnerL4Offset = uint16(v.l3), uint16(v.l4)
	h.InnerSPI, h.InnerEchoID, h.InnerFragment = v.spi, v.innerEchoID, v.fragment()
	h.InnerICMPError = v.icmpError
}

// readInner reads any packet in a tunnel of v, makes c its position, and
// reports whether it is sound.
//
//go:noinline
func (v *level) readInner(p []byte, missing, l3 int, version uint8, c *position) bool {
	inner := level{h: v.h, ports: v.ports, missing: missing, quoted: v.quoted}
	inner.read(p, l3, version)
	if inner.fault != 0 {
		v.h.setInnerFault(inner.fault, inner.at)
		return false
	}
	v.h.setInner(&inner)
	*c = inner.position()
	return true
}

// A position is what descend needs to know of the level that it is at.
type position struct {
	rest    uint64 // the last word of the level's key
	kernel  uint64 // the same as Linux sees it, without the labels of outer headers
	l4, end int
	missing int // as in a level
	proto   uint8
	stopped bool // Linux looks no further
}

func (v *level) position() position {
	return position{
		rest: v.key.rest, kernel: v.kernelRest(), l4: v.l4, end: v.end, missing: v.missing, proto: v.proto,
		stopped: v.stopped,
	}
}
