package hash

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
)

// FlowKeySize is the length of the encoding of a [FlowKey] in bytes.
const FlowKeySize = 40

// A FlowKey names a flow: two endpoints of address and port, a protocol, an
// IPv6 flow label, and whether the packets are IPv4 or IPv6. It is a comparable
// value without pointers, fit for a map key. Parts that do not count are zero;
// the zero FlowKey is the IPv4 key in which nothing counts.
//
// Every hasher works on its encoding of 40 bytes:
//
//	0  source address, 16 bytes; IPv4 as ::ffff:a.b.c.d
//	16 destination address, likewise
//	32 source port, network order
//	34 destination port, network order
//	36 protocol
//	37 24 bits, network order: 4 bits of flags and 20 bits of flow label
//
// The lowest flag is set for IPv6, and the others are zero. It tells an IPv6
// packet with IPv4-mapped addresses from an IPv4 packet.
type FlowKey struct {
	// The words are the little-endian loads of the encoding. They are five
	// fields and not an array because the compiler keeps fields in registers
	// and arrays in memory.
	src0, src1, dst0, dst1, rest uint64
}

// Layout of the words.
const (
	ip4Mapped = 0xffff_0000           // in src1 and dst1: what makes an address IPv4-mapped
	ip4Addr   = 0xffff_ffff_0000_0000 // in src1 and dst1: the IPv4 address

	maskSrcPort = 0xffff // in rest, like all that follow
	maskDstPort = 0xffff << 16
	maskPorts   = maskSrcPort | maskDstPort
	maskProto   = 0xff << protoShift
	maskFlags   = 0xf0 << 40
	maskLabel   = 0xffff_0f << 40
	ip6Flag     = 0x10 << 40
	protoShift  = 32
	maxLabel    = 1<<20 - 1
)

// NewFlowKey returns the key of the flow with protocol proto from src to dst,
// with flow label zero.
//
// The key is an IPv6 key if at least one address is IPv6, which includes
// IPv4-mapped ones. An IPv4 address beside an IPv6 one is held, and given back,
// IPv4-mapped. Zones are dropped. An invalid address is held as zero, like one
// that does not count; the port beside it is kept.
func NewFlowKey(proto uint8, src, dst netip.AddrPort) FlowKey {
	s, d := src.Addr().As16(), dst.Addr().As16()
	k := FlowKey{
		src0: binary.LittleEndian.Uint64(s[:8]),
		src1: binary.LittleEndian.Uint64(s[8:]),
		dst0: binary.LittleEndian.Uint64(d[:8]),
		dst1: binary.LittleEndian.Uint64(d[8:]),
		rest: uint64(bits.ReverseBytes16(src.Port())) | uint64(bits.ReverseBytes16(dst.Port()))<<16 |
			uint64(proto)<<protoShift,
	}
	if src.Addr().Is6() || dst.Addr().Is6() {
		k.rest |= ip6Flag
	}
	return k
}

// FlowKeyFromWords returns the key whose encoding is the five words, each in
// little-endian order. It is the inverse of [FlowKey.Words].
func FlowKeyFromWords(w0, w1, w2, w3, w4 uint64) FlowKey {
	return FlowKey{w0, w1, w2, w3, w4}
}

// Words returns the encoding of k as five little-endian words, for a [Hasher]
// of your own. They are the same on every architecture.
func (k FlowKey) Words() (w0, w1, w2, w3, w4 uint64) {
	return k.src0, k.src1, k.dst0, k.dst1, k.rest
}

// Is6 reports whether k is the key of an IPv6 flow. It stays known whatever
// else does not count.
func (k FlowKey) Is6() bool { return k.rest&ip6Flag != 0 }

// Src returns the source. The address of an IPv6 key is always IPv6, even if it
// is IPv4-mapped; that of an IPv4 key is always IPv4. A source that does not
// count is the zero address.
func (k FlowKey) Src() netip.AddrPort {
	return netip.AddrPortFrom(k.addr(k.src0, k.src1), bits.ReverseBytes16(uint16(k.rest)))
}

// Dst returns the destination, in the form of [FlowKey.Src].
func (k FlowKey) Dst() netip.AddrPort {
	return netip.AddrPortFrom(k.addr(k.dst0, k.dst1), bits.ReverseBytes16(uint16(k.rest>>16)))
}

func (k FlowKey) addr(w0, w1 uint64) netip.Addr {
	var a [16]byte
	binary.LittleEndian.PutUint64(a[:8], w0)
	binary.LittleEndian.PutUint64(a[8:], w1)
	if k.Is6() {
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte(a[12:]))
}

// Proto returns the IP protocol number.
func (k FlowKey) Proto() uint8 { return uint8(k.rest >> protoShift) }

// Label returns the IPv6 flow label, of 20 bits.
func (k FlowKey) Label() uint32 { return uint32(bits.ReverseBytes64(k.rest) & maxLabel) }

// WithLabel returns k with the given flow label, of which the low 20 bits
// count.
func (k FlowKey) WithLabel(l uint32) FlowKey {
	k.rest = k.rest&^maskLabel | bits.ReverseBytes64(uint64(l&maxLabel))
	return k
}

// Reverse returns the key of the opposite direction of the conversation: source
// and destination change places. The flow label becomes zero, because each
// direction has its own (RFC 6437).
func (k FlowKey) Reverse() FlowKey {
	const ports = maskSrcPort | maskDstPort
	return FlowKey{
		src0: k.dst0,
		src1: k.dst1,
		dst0: k.src0,
		dst1: k.src1,
		rest: k.rest&^(ports|maskLabel) | uint64(bits.RotateLeft32(uint32(k.rest), 16)),
	}
}

// Compare orders keys as their encodings are ordered byte by byte. It returns
// -1 if k comes before o, 0 if they are equal and +1 if k comes after o.
func (k FlowKey) Compare(o FlowKey) int {
	return cmp.Or(
		compareWords(k.src0, o.src0),
		compareWords(k.src1, o.src1),
		compareWords(k.dst0, o.dst0),
		compareWords(k.dst1, o.dst1),
		compareWords(k.rest, o.rest),
	)
}

func compareWords(a, b uint64) int {
	return cmp.Compare(bits.ReverseBytes64(a), bits.ReverseBytes64(b))
}

// AppendBinary implements [encoding.BinaryAppender]: it appends the 40 bytes of
// the encoding. The error is always nil.
func (k FlowKey) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint64(b, k.src0)
	b = binary.LittleEndian.AppendUint64(b, k.src1)
	b = binary.LittleEndian.AppendUint64(b, k.dst0)
	b = binary.LittleEndian.AppendUint64(b, k.dst1)
	return binary.LittleEndian.AppendUint64(b, k.rest), nil
}

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]: it is the inverse of
// AppendBinary. It returns a [FlowKeySizeError] unless b has 40 bytes.
func (k *FlowKey) UnmarshalBinary(b []byte) error {
	if len(b) != FlowKeySize {
		return FlowKeySizeError(len(b))
	}
	k.src0, k.src1 = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	k.dst0, k.dst1 = binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	k.rest = binary.LittleEndian.Uint64(b[32:])
	return nil
}

// A FlowKeySizeError is the length in bytes of what is no encoding of a
// [FlowKey].
type FlowKeySizeError int

// Error returns a text such as "hash: flow key of 4 bytes, want 40".
func (e FlowKeySizeError) Error() string {
	return fmt.Sprintf("hash: flow key of %d bytes, want %d", int(e), FlowKeySize)
}

// String returns the key for people to read, such as "TCP 10.0.0.1:49152 ->
// 10.0.0.2:443". The label follows if it is not zero. One of foreign words, which
// no packet has, is printed as its encoding. The form may change.
func (k FlowKey) String() string {
	known := k.Is6() || isIPv4(k.src0, k.src1) && isIPv4(k.dst0, k.dst1)
	if !known || k.rest&maskFlags&^ip6Flag != 0 {
		encoding, _ := k.AppendBinary(nil)
		return fmt.Sprintf("foreign key %x", encoding)
	}
	s := protoName(k.Proto()) + " " + k.Src().String() + " -> " + k.Dst().String()
	if l := k.Label(); l != 0 {
		s += fmt.Sprintf(" label 0x%05x", l)
	}
	return s
}

// isIPv4 reports whether the words are an IPv4-mapped address, or one that does
// not count.
func isIPv4(w0, w1 uint64) bool { return w0 == 0 && (w1 == 0 || uint32(w1) == 0xffff0000) }
