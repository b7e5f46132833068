package hash

import "math/bits"

// Linux611 is the multipath hash of Linux 6.11 and later, bit for bit: what the
// kernel of a little-endian machine, such as amd64 and arm64, hashes a
// forwarded packet to. Checked against kernel 6.18. The kernel promises nothing
// from one release to the next, so the version is in the name: a kernel that
// hashes otherwise will get a type of its own. Before 6.11 there was no seed to
// be set, and nothing can be predicted.
//
// It is a [HeaderHasher], because the kernel looks at more than a flow key
// holds, and a [BatchHasher] for keys, where each key stands for a whole packet
// without tunnel and extension headers. The hash of 32 bits, as the kernel has
// it, is in the high half; the low half is zero. Selectors then see what the
// kernel's see, the high 31 bits: selector.Threshold with KeepOrder is a
// next-hop group (mpath) of the kernel, selector.LinuxResilient a resilient
// one. It is no digest for a flow table.
//
// The package documentation says what of it may surprise, and which packets may
// go elsewhere than predicted.
//
// A Linux611 is a value, safe for concurrent use. Hashing allocates nothing.
type Linux611 struct {
	// Seed is net.ipv4.fib_multipath_hash_seed, which counts for IPv6 too. A
	// kernel whose seed is 0 draws one at boot and tells nobody: Linux611
	// computes the hash of seed 0, but no kernel does.
	Seed uint32

	// Policy is net.ipv4.fib_multipath_hash_policy, or that of net.ipv6. Where
	// they differ, take a Linux611 for each. A value above LinuxCustom acts
	// like LinuxL3.
	Policy LinuxPolicy

	// Fields is fib_multipath_hash_fields, for LinuxCustom alone. Zero stands
	// for the default of the kernel, 7: addresses and protocol.
	Fields LinuxFields

	// Local is for packets that the host sends itself: the kernel then goes by
	// its socket, so that tunnels are not looked into, LinuxCustom lacks its
	// last step, and IPv6 has the label in another byte order. Queries such as
	// "ip route get" are answered like this for IPv6, and like forwarding for
	// IPv4.
	//
	// The source of a bound socket is its own. One that is not bound hashes,
	// for IPv6, with source ::, since the route is looked up before the source
	// is chosen; for IPv4, with source 0.0.0.0 if it sends without connecting
	// (sendto), and with the source that it will have if it is connected, as
	// all TCP is. A TCP socket that is bound to no port hashes, in place of its
	// source port, a random one for each connection, since Linux 6.16.
	//
	// A route may also be decided otherwise: with an IPv4 multipath route that
	// is no next-hop object, a source which belongs to a next hop's device wins
	// over the hash. And a VXLAN device keeps the route of the first packet for
	// all that follow on the same CPU.
	Local bool
}

// LinuxPolicy is a value of fib_multipath_hash_policy.
type LinuxPolicy uint8

// The policies of Linux.
const (
	LinuxL3     LinuxPolicy = iota // addresses; for IPv6 also flow label and next header
	LinuxL4                        // five-tuple
	LinuxInner                     // as LinuxL3, of the innermost header of a tunnel
	LinuxCustom                    // by a mask of fields
)

// LinuxFields is a mask as fib_multipath_hash_fields has it: the low six bits
// are those of type [Fields], of the outermost header, and the next six the
// same of the innermost one of a tunnel.
type LinuxFields uint16

const (
	linuxInnerShift = 6
	linuxFields     = 1<<linuxInnerShift - 1
	linuxDefault    = LinuxFields(ThreeTuple)
)

// NewLinuxFields returns the mask of fields of the outermost and of the
// innermost header, such as FiveTuple and 0. What Linux does not know of them
// is left out.
func NewLinuxFields(outer, inner Fields) LinuxFields {
	return LinuxFields(outer&linuxFields | inner&linuxFields<<linuxInnerShift)
}

// Outer returns the fields of the outermost header.
func (f LinuxFields) Outer() Fields { return Fields(f & linuxFields) }

// Inner returns the fields of the innermost header.
func (f LinuxFields) Inner() Fields { return Fields(f >> linuxInnerShift & linuxFields) }

// Hash32 returns the hash that the kernel has for a packet of flow k.
func (l Linux611) Hash32(k FlowKey) uint32 { return l.sum(&k, k.Proto(), &k, &k, false) }

// Bits returns 32.
func (l Linux611) Bits() int { return 32 }

// Hash implements [Hasher].
//
//go:noinline
func (l Linux611) Hash(k FlowKey) uint64 { return uint64(l.sum(&k, k.Proto(), &k, &k, false)) << 32 }

// HashBatch implements [BatchHasher].
func (l Linux611) HashBatch(dst []uint64, keys []FlowKey) {
	dst = dst[:len(keys):len(dst)]
	for i := range keys {
		k := &keys[i]
		dst[i] = uint64(l.sum(k, k.Proto(), k, k, false)) << 32
	}
}

// HashHeaders implements [HeaderHasher]. It does not look at the packets.
func (l Linux611) HashHeaders(dst []uint64, h []Headers, _ [][]byte) {
	dst = dst[:len(h):len(dst)]
	for i := range h {
		h := &h[i]
		l3, next, outer, inner, tunnel := &h.Outer, h.NextHeader, &h.Outer, &h.Outer, false
		switch h.view {
		case kernelSame:
			inner, tunnel = &h.Inner, true
		case kernelOuter:
			outer, inner = &h.kernel, &h.kernel
		case kernelInner:
			inner, tunnel = &h.kernel, true
		case kernelCited:
			l3, next = &h.kernel, h.kernel.Proto()
		}
		dst[i] = uint64(l.sum(l3, next, outer, inner, tunnel)) << 32
	}
}

// sum returns the hash of a packet, given what the policies go by: l3 and its
// next header for LinuxL3, the outer flow, and the inner one.
func (l Linux611) sum(l3 *FlowKey, next uint8, outer, inner *FlowKey, tunnel bool) uint32 {
	if l.Local {
		return l.sumLocal(outer)
	}
	switch l.Policy {
	case LinuxL4:
		return l.keySum(outer, outer.Proto(), FiveTuple, false)
	case LinuxInner:
		return l.keySum(inner, inner.Proto(), linuxAddresses(inner), false)
	case LinuxCustom:
		outerFields, innerFields := l.fields()
		var a, b uint32
		if outerFields != 0 {
			a = l.keySum(outer, outer.Proto(), outerFields, false)
		}
		if tunnel && innerFields != 0 {
			b = l.keySum(inner, inner.Proto(), innerFields, false)
		}
		return jhash2(a, b)
	}
	return l.keySum(l3, next, linuxAddresses(l3), true)
}

// sumLocal returns the hash of a packet that the host sends.
func (l Linux611) sumLocal(k *FlowKey) uint32 {
	f := linuxAddresses(k)
	switch l.Policy {
	case LinuxL4:
		f = FiveTuple
	case LinuxCustom:
		if f, _ = l.fields(); f == 0 {
			return 0
		}
	}
	return l.keySum(k, k.Proto(), f, true)
}

// fields returns the fields of the outer and of the inner header that
// LinuxCustom hashes.
func (l Linux611) fields() (outer, inner Fields) {
	f := l.Fields
	if f == 0 {
		f = linuxDefault
	}
	return f.Outer(), f.Inner()
}

// linuxAddresses returns what policies 0 and 2 hash of k.
func linuxAddresses(k *FlowKey) Fields {
	if k.Is6() {
		return ThreeTuple | Label
	}
	return Addresses
}

// keySum hashes the parts f of k, with the protocol given in place of its own.
// The label is in network order or in that of the machine.
func (l Linux611) keySum(k *FlowKey, proto uint8, f Fields, networkLabel bool) uint32 {
	m := f.mask()
	rest := k.rest & m.rest

	// The words of the kernel's struct flow_keys from member basic on,
	// little-endian: the protocol is in byte 2, the label in bytes 4 to 7, the
	// ports are in bytes 28 to 31, the addresses from byte 36 on, and the last
	// four bytes are padding.
	basic := uint64(proto) << 16 & -uint64(f&Proto>>2)
	a, b := uint16(rest), uint16(rest>>16)
	ports := uint64(min(a, b))<<32 | uint64(max(a, b))<<48
	if k.rest&ip6Flag != 0 {
		label := uint32(bits.ReverseBytes64(rest) & maxLabel)
		if networkLabel {
			label = bits.ReverseBytes32(label)
		}
		basic |= uint64(label) << 32
	}

	key := uint64(l.Seed)<<32 | uint64(l.Seed)
	v0, v1, v2, v3 := sipStart(key, key)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, basic)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, 0)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, 0)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, ports)
	if k.rest&ip6Flag == 0 {
		src, dst := uint32(k.src1&m.src>>32), uint32(k.dst1&m.dst>>32)
		v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, uint64(min(src, dst))<<32)
		v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, uint64(max(src, dst)))
		return nonZero(uint32(sipEnd(v0, v1, v2, v3, 48)))
	}
	src0, src1, dst0, dst1 := sortAddresses(k.src0&m.src, k.src1&m.src, k.dst0&m.dst, k.dst1&m.dst)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, src0<<32)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, src0>>32|src1<<32)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, src1>>32|dst0<<32)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, dst0>>32|dst1<<32)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, dst1>>32)
	return nonZero(uint32(sipEnd(v0, v1, v2, v3, 72)))
}

// sortAddresses returns two IPv6 addresses, the smaller one by its bytes first.
func sortAddresses(a0, a1, b0, b1 uint64) (_, _, _, _ uint64) {
	_, borrow := bits.Sub64(bits.ReverseBytes64(b1), bits.ReverseBytes64(a1), 0)
	_, borrow = bits.Sub64(bits.ReverseBytes64(b0), bits.ReverseBytes64(a0), borrow)
	x0, x1 := (a0^b0)&-borrow, (a1^b1)&-borrow
	return a0 ^ x0, a1 ^ x1, b0 ^ x0, b1 ^ x1
}

// nonZero returns 1 for 0, as the kernel does.
func nonZero(h uint32) uint32 { return max(h, 1) }

// jhash2 is jhash_2words(a, b, 0) of the kernel, by Bob Jenkins ("lookup3").
func jhash2(a, b uint32) uint32 {
	const initial = 0xdeadbeef + 2*4
	a, b = a+initial, b+initial
	c := uint32(initial)
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}
