package hash

import "encoding/binary"

const (
	ipv4Size = 20

	// Of the fourth 16-bit word of IPv4, in network order.
	moreFragments  = 0x2000
	fragmentOffset = 0x1fff
)

// readIPv4 reads the IPv4 header at l3 of p, which p reaches, and what follows
// it, into v.
func (v *level) readIPv4(p []byte, l3 int) {
	b := p[l3:]
	if len(b) < ipv4Size {
		v.at, v.fault = l3, shortIPv4
		return
	}
	size := int(b[0]&0xf) * 4
	length := int(binary.BigEndian.Uint16(b[2:]))
	if b[0]>>4 != 4 || size < ipv4Size || length != 0 && length < size {
		v.at, v.fault = l3, badIPv4
		return
	}
	if length == 0 {
		length = len(b) + v.missing
	}
	if size > len(b) || !v.setEnd(len(b), length) {
		v.at, v.fault = l3, shortIPv4
		return
	}
	addrs := binary.LittleEndian.Uint64(b[12:])
	v.setKey(0, addrs<<32|ip4Mapped, 0, addrs&ip4Addr|ip4Mapped, uint64(b[9])<<protoShift)
	v.proto, v.next = b[9], b[9]
	v.l4 = l3 + size

	frag := binary.BigEndian.Uint16(b[6:])
	if frag&(moreFragments|fragmentOffset) != 0 {
		v.fragID = uint32(binary.BigEndian.Uint16(b[4:]))
		v.fragFirst = frag&fragmentOffset == 0
		v.fragLater = !v.fragFirst
	}
	v.readTransport(p)
}
