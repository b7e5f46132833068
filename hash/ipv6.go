package hash

import "encoding/binary"

const (
	ipv6Size      = 40
	fragmentSize  = 8
	maxExtensions = 16

	protoHopByHop    = 0
	protoRouting     = 43
	protoFragment    = 44
	protoDestOptions = 60
)

// readIPv6 reads the IPv6 header at l3 of p, which p reaches, and what follows
// it, into v.
func (v *level) readIPv6(p []byte, l3 int) {
	b := p[l3:]
	if len(b) < ipv6Size {
		v.at, v.fault = l3, shortIPv6
		return
	}
	if b[0]>>4 != 6 {
		v.at, v.fault = l3, badIPv6
		return
	}
	length := len(b) + v.missing
	if payload := int(binary.BigEndian.Uint16(b[4:])); payload != 0 {
		length = ipv6Size + payload
	}
	if !v.setEnd(len(b), length) {
		v.at, v.fault = l3, shortIPv6
		return
	}
	v.next = b[6]
	v.proto, v.l4 = b[6], l3+ipv6Size
	if isExtension(b[6]) {
		c, f := walkExtensions(p[:v.end], v.l4, b[6], v.missing > 0)
		if f != 0 {
			v.fault, v.at = f, c.l4
			return
		}
		v.proto, v.l4 = c.proto, c.l4
		v.fragID, v.fragFirst, v.fragLater = c.fragID, c.fragFirst, c.fragLater
		v.stopped, v.stop = c.stopped, c.stop
	}
	v.setKey(
		binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]),
		binary.LittleEndian.Uint64(b[24:]), binary.LittleEndian.Uint64(b[32:]),
		ipv6Label(b)|ip6Flag|uint64(v.proto)<<protoShift,
	)
	v.readTransport(p)
}

// ipv6Key returns the key of the IPv6 header b, without label and ports.
func ipv6Key(b []byte, proto uint8) FlowKey {
	return FlowKey{
		src0: binary.LittleEndian.Uint64(b[8:]),
		src1: binary.LittleEndian.Uint64(b[16:]),
		dst0: binary.LittleEndian.Uint64(b[24:]),
		dst1: binary.LittleEndian.Uint64(b[32:]),
		rest: ip6Flag | uint64(proto)<<protoShift,
	}
}

// ipv6Label returns the flow label of the IPv6 header b, where a key has it.
func ipv6Label(b []byte) uint64 {
	// In both, the label comes last in a group of four bytes.
	return uint64(binary.LittleEndian.Uint32(b)) << 32 & maskLabel
}

func isExtension(proto uint8) bool {
	const set = 1<<protoHopByHop | 1<<protoRouting | 1<<protoFragment | 1<<AH | 1<<protoDestOptions
	return proto < 64 && uint64(set)>>(proto&63)&1 != 0
}

// A chain is where a chain of extension headers leads to.
type chain struct {
	l4                   int
	fragID               uint32
	proto                uint8
	fragFirst, fragLater bool

	// Whether Linux looks no further than some header before l4, and what it
	// makes of it: protocol and ports as in the last word of a key.
	stopped bool
	stop    uint64
}

func (c chain) fragment() bool { return c.fragFirst || c.fragLater }

// walkExtensions steps over the extension headers of p from byte off, the first
// of which is of kind proto. It stops behind the fragment header of a fragment,
// even if more extension headers follow: a later fragment does not have them,
// and all fragments are to look alike.
//
// It also stops in front of a header that ends behind p, that is one too many,
// or that leads too far, and takes it for the transport header: a router has to
// forward such a packet. If p is cut it cannot know, and the header is a fault,
// which starts at l4.
func walkExtensions(p []byte, off int, proto uint8, cut bool) (c chain, f fault) {
	for n := 0; isExtension(proto); n++ {
		c.l4, c.proto = off, proto
		b := p[off:]
		if proto == AH {
			c.stopAt(AH, b)
		}
		size := fragmentSize
		if len(b) >= 2 {
			size = extensionSize(proto, b[1])
		}
		if len(b) < size {
			if cut {
				return c, shortExtension
			}
			if len(b) >= 2 && proto != protoFragment {
				c.stopAt(b[0], nil)
			}
			return c, 0
		}
		if n == maxExtensions || off+size > maxOffset {
			return c, 0
		}
		off += size
		if proto == protoFragment {
			// Offset in the upper 13 bits, then two reserved ones, then
			// more-fragments.
			frag := binary.BigEndian.Uint16(b[2:])
			if frag&^0x6 != 0 {
				c.l4, c.proto, c.fragID = off, b[0], binary.BigEndian.Uint32(b[4:])
				c.fragFirst = frag>>3 == 0
				c.fragLater = !c.fragFirst
				return c, 0
			}
			c.stopAt(b[0], nil)
		}
		proto = b[0]
	}
	c.l4, c.proto = off, proto
	return c, 0
}

// stopAt notes that Linux takes a header on the way for the transport header,
// of protocol proto. It takes ports of an authentication header alone.
func (c *chain) stopAt(proto uint8, ah []byte) {
	if c.stopped {
		return
	}
	c.stopped, c.stop = true, uint64(proto)<<protoShift
	if len(ah) >= 8 {
		c.stop |= uint64(binary.LittleEndian.Uint32(ah[4:]))
	}
}

// extensionSize returns the size of an extension header, given its length
// field.
func extensionSize(proto, length uint8) int {
	switch proto {
	case protoFragment:
		return fragmentSize
	case AH:
		return (int(length) + 2) * 4
	}
	return (int(length) + 1) * 8
}
