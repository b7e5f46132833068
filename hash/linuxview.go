package hash

import (
	"encoding/binary"
	"math/bits"
)

// A kernelView says what Headers.kernel holds. The zero value says that the
// kernel sees the packet as Headers.Outer.
type kernelView uint8

const (
	// nothing: it sees the inner flow of a tunnel that it enters as
	// Headers.Inner
	kernelSame  kernelView = iota + 1
	kernelOuter            // the outer flow, where the kernel stops at another header
	kernelInner            // the inner flow of a tunnel that the kernel enters
	kernelCited            // addresses, next header and label that an ICMP error cites
)

// setKernel keeps what Linux sees: a key, but for its last word.
func (h *Headers) setKernel(view kernelView, k *FlowKey, rest uint64) {
	h.view = view
	h.kernel.src0, h.kernel.src1, h.kernel.dst0, h.kernel.dst1, h.kernel.rest = k.src0, k.src1, k.dst0, k.dst1, rest
}

// kernelRest returns the last word of the key of the flow that Linux sees at
// this level. The other words are those of key.
func (v *level) kernelRest() uint64 {
	if v.stopped {
		return v.key.rest&^(maskProto|maskSrcPort|maskDstPort) | v.stop
	}
	return v.key.rest | uint64(bits.ReverseBytes32(v.spi)) // in place of ports
}

// kernelCitation returns what Linux hashes of an ICMP error under its policy 0,
// and whether it takes the packet for one: the addresses of the header cited,
// and for IPv6 its label and next header, whatever follows it. Linux looks at
// first fragments too, but not behind extension headers.
func (v *level) kernelCitation(seg []byte) (FlowKey, bool) {
	if v.fragLater || len(seg) < citationOffset || v.next != icmpOf(v.key.Is6()) {
		return FlowKey{}, false
	}
	b := seg[citationOffset:]
	if v.key.Is6() {
		if !isErrorICMPv6(seg[0]) || len(b) < ipv6Size {
			return FlowKey{}, false
		}
		k := ipv6Key(b, b[6])
		k.rest |= ipv6Label(b)
		return k, true
	}
	if !isErrorICMPv4(seg[0]) || len(b) < ipv4Size {
		return FlowKey{}, false
	}
	addrs := binary.LittleEndian.Uint64(b[12:])
	return FlowKey{src1: addrs<<32 | ip4Mapped, dst1: addrs&ip4Addr | ip4Mapped}, true
}
