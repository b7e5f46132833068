package hash

import "encoding/binary"

// parseAny reads any packet of IP version 4 or 6 that starts at byte l3 of p,
// which p reaches. It is out of line so that the way of most packets stays
// short.
//
//go:noinline
func (t *portTable) parseAny(p []byte, l3 int, version uint8, h *Headers) error {
	h.clear()
	v := level{h: h}
	v.read(p, l3, version)
	if v.fault != 0 {
		return fail(h, v.fault, v.at)
	}
	h.setFlow(v.key.src0, v.key.src1, v.key.dst0, v.key.dst1, v.key.rest)
	h.setOffsets(v.l3, v.l4)
	h.setProtos(v.proto, v.next, v.flags)
	h.FragID, h.FragFirst, h.FragLater = v.fragID, v.fragFirst, v.fragLater
	h.SPI, h.EchoID = v.spi, v.echoID
	h.InnerSPI, h.InnerEchoID, h.InnerFragment = v.spi, v.echoID, v.fragment()
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
			h.descend(p, &c, t)
		}
	}
	return nil
}

// A level is one IP header of a packet and what follows it as far as the ports.
// The Headers are made from the outermost and the innermost level.
type level struct {
	key FlowKey
	h   *Headers // for the flow that an ICMP error cites

	l3, l4, end int

	proto, next uint8
	flags       TCPFlags

	// What most packets do without.
	ipExtras
}

// ipExtras are the fields of a level that are zero for a whole packet with
// ports.
type ipExtras struct {
	at     int // of the fault
	stop   uint64
	fragID uint32
	spi    uint32
	echoID uint16

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

// readTransport reads the header behind IP.
func (v *level) readTransport(p []byte) {
	if v.fragment() {
		return
	}
	seg := p[v.l4:v.end]
	t := &transports[v.proto]
	if len(seg) < int(t.size) {
		v.fault, v.at = t.short, v.l4
		return
	}
	if t.ports {
		v.key.rest |= uint64(binary.LittleEndian.Uint32(seg))
		q := &fastTransports[v.proto]
		v.flags = TCPFlags(seg[q.flagsAt] & q.flagsMask)
		return
	}
	switch v.proto {
	case ICMP, ICMPv6:
		if v.proto == icmpOf(v.key.Is6()) {
			v.readICMP(seg)
		}
	case ESP:
		v.spi = binary.BigEndian.Uint32(seg)
	case AH: // in IPv6 it is an extension
		v.spi = binary.BigEndian.Uint32(seg[4:])
	}
}

// setInner makes the fields of the innermost level those of v.
func (h *Headers) setInner(v *level) {
	k := &v.key
	h.Inner.src0, h.Inner.src1, h.Inner.dst0, h.Inner.dst1, h.Inner.rest = k.src0, k.src1, k.dst0, k.dst1, k.rest
	h.InnerProto, h.InnerFlags = v.proto, v.flags
	h.InnerL3Offset, h.InnerL4Offset = uint16(v.l3), uint16(v.l4)
	h.InnerSPI, h.InnerEchoID, h.InnerFragment = v.spi, v.echoID, v.fragment()
	h.InnerICMPError = v.icmpError
}

// readInner reads any inner packet, and reports whether it is sound.
//
//go:noinline
func (h *Headers) readInner(p []byte, l3 int, version uint8, c *position) bool {
	v := level{h: h}
	v.read(p, l3, version)
	if v.fault != 0 {
		h.setInnerFault(v.fault, v.at)
		return false
	}
	h.setInner(&v)
	*c = v.position()
	return true
}

// A position is what descend needs to know of the level that it is at.
type position struct {
	rest    uint64 // the last word of the level's key
	kernel  uint64 // the same as Linux sees it, without the labels of outer headers
	l4, end int
	proto   uint8
	stopped bool // Linux looks no further
}

func (v *level) position() position {
	return position{rest: v.key.rest, kernel: v.kernelRest(), l4: v.l4, end: v.end, proto: v.proto, stopped: v.stopped}
}
