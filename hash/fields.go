package hash

import "math/bits"

// An Extractor chooses what of a packet makes up its flow. h is what Parse
// found in packet, to which the offsets in h point; a caller that has no packet
// any more passes nil. It must be safe for concurrent use, must keep neither,
// and must not write to them.
type Extractor interface {
	Extract(h *Headers, packet []byte) FlowKey
}

// Fields is a set of parts of a flow, and the [Extractor] that keeps these
// parts of the outermost flow and zeroes the others. Whether the packet is IPv4
// or IPv6 is always kept. Of an ICMP error it takes the flow that the error
// cites. The highest bit is reserved.
//
// The flow label tells the flows of one pair of hosts apart where ports are not
// to be had (RFC 6438). But the two directions of a conversation have labels of
// their own, and Headers.Cited has none: with Label, an ICMP error does not
// meet the flow that it is about.
type Fields uint16

// The parts of a flow.
const (
	SrcAddr Fields = 1 << iota
	DstAddr
	Proto
	Label
	SrcPort
	DstPort

	// Symmetric is no part of a flow: it makes the key the same for both
	// directions of a conversation, as [FlowKey.Canonical] does once the other
	// parts are chosen.
	Symmetric

	// SPI takes Headers.SPI, of ESP and AH, in place of the ports that these
	// have not: the upper 16 bits as source port, the lower ones as destination
	// port. The directions of a conversation have different ones, and an ICMP
	// error about ESP has none.
	SPI

	// EchoID takes the identifier of an ICMP echo request or reply in place of
	// both ports. Requests and replies have the same, and so has an error about
	// one of them.
	EchoID

	// innermost is set in what Inner returns: an Extractor that stays a Fields
	// has the loops made for Fields.
	innermost Fields = 1 << 15

	// session are the fields that are not in the FlowKeys of Headers.
	session = SPI | EchoID
)

// Sets of fields in common use.
const (
	FiveTuple  = SrcAddr | DstAddr | Proto | SrcPort | DstPort
	ThreeTuple = SrcAddr | DstAddr | Proto
	Addresses  = SrcAddr | DstAddr
)

// Inner returns an Extractor like f, but of the innermost flow. Without a
// tunnel that is the outermost one.
func Inner(f Fields) Extractor { return f | innermost }

// of returns what f takes of a flow. That is k if it has been taken already.
func (f Fields) of(k FlowKey) FlowKey {
	m := f.mask()
	switch proto := k.Proto(); {
	case proto == ESP || proto == AH:
		m.rest |= -uint64(f&SPI>>7) & maskPorts
	case proto == ICMP || proto == ICMPv6:
		m.rest |= -uint64(f&EchoID>>8) & maskPorts
	case proto == 0 && f&session != 0 && f&Proto == 0: // taken already
		m.rest |= maskPorts
	}
	k.src0, k.src1 = k.src0&m.src, k.src1&m.src
	k.dst0, k.dst1 = k.dst0&m.dst, k.dst1&m.dst
	k.rest &= m.rest
	if f&Symmetric != 0 {
		return k.Canonical()
	}
	return k
}

// Extract implements [Extractor]. It does not look at the packet.
func (f Fields) Extract(h *Headers, _ []byte) (k FlowKey) {
	m := f.mask()
	k = *f.flow(h)
	k.src0, k.src1 = k.src0&m.src, k.src1&m.src
	k.dst0, k.dst1 = k.dst0&m.dst, k.dst1&m.dst
	k.rest &= m.rest
	if f&session != 0 {
		k.rest |= f.session(h)
	}
	if f&Symmetric != 0 {
		return k.Canonical()
	}
	return k
}

// session returns what stands in place of the ports. Where there is something,
// the ports themselves are zero.
func (f Fields) session(h *Headers) uint64 {
	spi, id := h.SPI, h.EchoID
	if f&innermost != 0 {
		spi, id = h.InnerSPI, h.InnerEchoID
	}
	var ports uint32
	if f&SPI != 0 {
		ports = bits.ReverseBytes32(spi)
	}
	if f&EchoID != 0 {
		ports |= uint32(bits.ReverseBytes16(id)) * (1<<16 | 1)
	}
	return uint64(ports)
}

// flow returns where the flow that f extracts from stands.
func (f Fields) flow(h *Headers) *FlowKey {
	switch {
	case f&innermost != 0:
		if h.InnerICMPError {
			return &h.CitedInner
		}
		return &h.Inner
	case h.ICMPError:
		return &h.Cited
	}
	return &h.Outer
}

// A keyMask has ones where a key is to be kept.
type keyMask struct {
	src, dst, rest uint64
}

func (f Fields) mask() keyMask {
	var m keyMask
	m.src = -uint64(f & SrcAddr)
	m.dst = -uint64(f & DstAddr >> 1)
	m.rest = maskFlags |
		-uint64(f&Proto>>2)&maskProto |
		-uint64(f&Label>>3)&maskLabel |
		-uint64(f&SrcPort>>4)&maskSrcPort |
		-uint64(f&DstPort>>5)&maskDstPort
	return m
}

// String returns the names of the parts, such as "SrcAddr|DstAddr|Proto", and
// "none" if there are none.
func (f Fields) String() string {
	s := setNames(uint16(f&^innermost), []string{
		"SrcAddr", "DstAddr", "Proto", "Label", "SrcPort", "DstPort", "Symmetric", "SPI", "EchoID",
	})
	if f&innermost != 0 {
		return "Inner(" + s + ")"
	}
	return s
}
