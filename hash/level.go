package hash

import (
	"encoding/binary"
	"math/bits"
)

// A level is one IP header of a packet and what follows it as far as the ports.
// The Headers are made from the outermost and the innermost level.
type level struct {
	key FlowKey
	h   *Headers // for the flow that an ICMP error cites

	l3, l4, end int

	proto, next uint8
	flags       TCPFlags

	// What most packets do without.
	rare
}

// A rare is the part of a level that is zero for a whole packet with ports.
type rare struct {
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
	v.rare = rare{}
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
		q := &quicks[v.proto]
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

// kernelRest returns the last word of the key of the flow that Linux sees at
// this level. The other words are those of key.
func (v *level) kernelRest() uint64 {
	if v.stopped {
		return v.key.rest&^(maskProto|maskSrcPort|maskDstPort) | v.stop
	}
	return v.key.rest | uint64(bits.ReverseBytes32(v.spi)) // in place of ports
}
