package hash

import "encoding/binary"

const (
	ipv6Size      = 40
	fragmentSize  = 8
	maxExtensions = 16

	protoHopByHop    = 0
	protoRouting     = 43
	protoFragment    = 44
	protoAH          = 51
	protoDestOptions = 60
)

// parseIPv6 reads the IPv6 packet that starts at byte l3 of p, which p reaches.
func parseIPv6(p []byte, l3 int, h *Headers) error {
	b := p[l3:]
	if len(b) < ipv6Size {
		return fail(h, shortIPv6, l3)
	}
	if b[0]>>4 != 6 {
		return fail(h, badIPv6, l3)
	}
	end := len(p)
	if length := int(binary.BigEndian.Uint16(b[4:])); length != 0 {
		end = l3 + ipv6Size + length
	}
	if end > len(p) {
		return fail(h, shortIPv6, l3)
	}
	proto, l4 := b[6], l3+ipv6Size
	var c chain
	if isExtension(proto) {
		var f fault
		c, f = walkExtensions(p[:end], l4, proto)
		if f != 0 {
			return fail(h, f, c.l4)
		}
		proto, l4 = c.proto, c.l4
	}
	src0, src1 := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	dst0, dst1 := binary.LittleEndian.Uint64(b[24:]), binary.LittleEndian.Uint64(b[32:])
	rest := ipv6Label(b) | ip6Flag | uint64(proto)<<protoShift

	if c.fragment() {
		h.setFlow(src0, src1, dst0, dst1, rest)
		h.setRest(proto, 0, l3, l4)
		h.FragID = c.fragID
		h.FragFirst = c.fragFirst
		h.FragLater = c.fragLater
		return nil
	}

	seg := p[l4:end]
	t := &transports[proto]
	if len(seg) < int(t.size) {
		return fail(h, t.short, l4)
	}
	h.setFlow(src0, src1, dst0, dst1, rest|t.ports(seg))
	h.setRest(proto, tcpFlags(seg, proto), l3, l4)
	if proto == protoICMPv6 && isErrorICMPv6(seg[0]) {
		h.cite(citedIPv6(seg))
	}
	return nil
}

// ipv6Label returns the flow label of the IPv6 header b, where a key has it.
func ipv6Label(b []byte) uint64 {
	// In both, the label comes last in a group of four bytes.
	return uint64(binary.LittleEndian.Uint32(b)) << 32 & maskLabel
}

func isExtension(proto uint8) bool {
	const set = 1<<protoHopByHop | 1<<protoRouting | 1<<protoFragment | 1<<protoAH | 1<<protoDestOptions
	return proto < 64 && uint64(set)>>(proto&63)&1 != 0
}

// A chain is where a chain of extension headers leads to.
type chain struct {
	l4                   int
	fragID               uint32
	proto                uint8
	fragFirst, fragLater bool
}

func (c chain) fragment() bool { return c.fragFirst || c.fragLater }

// walkExtensions steps over the extension headers of p from byte off, the first of which is of kind proto. It stops
// behind the fragment header of a fragment, even if more extension headers follow: a later fragment does not have them,
// and all fragments are to look alike. On a fault, l4 is where the header at fault starts.
func walkExtensions(p []byte, off int, proto uint8) (chain, fault) {
	for n := 0; isExtension(proto); n++ {
		if n == maxExtensions {
			return chain{l4: off}, deepExtension
		}
		if len(p)-off < 2 {
			return chain{l4: off}, shortExtension
		}
		b := p[off:]
		size := extensionSize(proto, b[1])
		if len(b) < size {
			return chain{l4: off}, shortExtension
		}
		if off+size > maxOffset {
			return chain{l4: off}, deepExtension
		}
		off += size
		if proto == protoFragment {
			// Offset in the upper 13 bits, then two reserved ones, then more-fragments.
			frag := binary.BigEndian.Uint16(b[2:])
			if frag&^0x6 != 0 {
				first := frag>>3 == 0
				return chain{off, binary.BigEndian.Uint32(b[4:]), b[0], first, !first}, 0
			}
		}
		proto = b[0]
	}
	return chain{l4: off, proto: proto}, 0
}

// extensionSize returns the size of an extension header, given its length field.
func extensionSize(proto, length uint8) int {
	switch proto {
	case protoFragment:
		return fragmentSize
	case protoAH:
		return (int(length) + 2) * 4
	}
	return (int(length) + 1) * 8
}
