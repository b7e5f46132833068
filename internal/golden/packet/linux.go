package packet

import (
	"bytes"
	"net/netip"
	"slices"
)

// A Kernel is what the multipath hash of Linux depends on besides the packet.
type Kernel struct {
	Seed   uint32
	Policy int
	Fields int // 0 is the default, 7
	Local  bool
}

// Seen is what the kernel sees of a packet: what goes into policy 0, the outer
// flow, and the inner one if it sees a tunnel. The ports of a flow are the four
// bytes that the kernel takes for ports.
type Seen struct {
	L3, Outer Flow
	Inner     *Flow
}

// Whole is what the kernel sees of a packet without tunnel, extension headers
// and ICMP error.
func Whole(f Flow) Seen { return Seen{L3: f, Outer: f} }

// Hash returns the multipath hash.
func (k Kernel) Hash(s Seen) uint32 {
	inner := s.Outer
	if s.Inner != nil {
		inner = *s.Inner
	}
	fields := k.Fields
	if fields == 0 {
		fields = 7
	}
	outerFields, innerFields := fields%64, fields/64%64
	if k.Local {
		switch k.Policy {
		case 1:
			return k.flow(s.Outer, 0x37, true)
		case 3:
			if outerFields == 0 {
				return 0
			}
			return k.flow(s.Outer, outerFields, true)
		}
		return k.flow(s.Outer, l3Fields(s.Outer), true)
	}
	switch k.Policy {
	case 1:
		return k.flow(s.Outer, 0x37, false)
	case 2:
		return k.flow(inner, l3Fields(inner), false)
	case 3:
		var a, b uint32
		if outerFields != 0 {
			a = k.flow(s.Outer, outerFields, false)
		}
		if s.Inner != nil && innerFields != 0 {
			b = k.flow(inner, innerFields, false)
		}
		return Jhash2Words(a, b, 0)
	}
	return k.flow(s.L3, l3Fields(s.L3), true)
}

func l3Fields(f Flow) int {
	if f.IPv6 {
		return 1 + 2 + 4 + 8
	}
	return 1 + 2
}

// flow hashes some fields of a flow by way of the buffer that the kernel
// hashes.
func (k Kernel) flow(f Flow, fields int, networkLabel bool) uint32 {
	addrSize := 4
	if f.IPv6 {
		addrSize = 16
	}
	buf := make([]byte, 36+2*addrSize+4)
	if fields&4 != 0 {
		buf[2] = f.Proto
	}
	if fields&8 != 0 && f.IPv6 {
		label := []byte{0, byte(f.Label >> 16), byte(f.Label >> 8), byte(f.Label)}
		if !networkLabel {
			slices.Reverse(label)
		}
		copy(buf[4:], label)
	}

	var sport, dport [2]byte
	if fields&0x10 != 0 {
		sport = [2]byte{byte(f.SrcPort >> 8), byte(f.SrcPort)}
	}
	if fields&0x20 != 0 {
		dport = [2]byte{byte(f.DstPort >> 8), byte(f.DstPort)}
	}
	if littleEndian(dport[:]) < littleEndian(sport[:]) {
		sport, dport = dport, sport
	}
	copy(buf[28:], sport[:])
	copy(buf[30:], dport[:])

	src, dst := make([]byte, addrSize), make([]byte, addrSize)
	pick := func(into []byte, a netip.Addr) {
		if f.IPv6 && a.Is4() {
			a = netip.AddrFrom16(a.As16())
		}
		copy(into, a.AsSlice())
	}
	if fields&1 != 0 {
		pick(src, f.Src)
	}
	if fields&2 != 0 {
		pick(dst, f.Dst)
	}
	swap := littleEndian(dst[:4]) < littleEndian(src[:4])
	if f.IPv6 {
		swap = bytes.Compare(dst, src) < 0
	}
	if swap {
		src, dst = dst, src
	}
	copy(buf[36:], src)
	copy(buf[36+addrSize:], dst)

	key := uint64(k.Seed)<<32 | uint64(k.Seed)
	if hash := uint32(SipHash24(key, key, buf)); hash != 0 {
		return hash
	}
	return 1
}

// Jhash2Words is jhash_2words of the kernel.
func Jhash2Words(a, b, iv uint32) uint32 {
	rol := func(x uint32, n int) uint32 { return x<<n | x>>(32-n) }
	iv += 0xdeadbeef + 8
	c := iv
	a += iv
	b += iv
	c ^= b
	c -= rol(b, 14)
	a ^= c
	a -= rol(c, 11)
	b ^= a
	b -= rol(a, 25)
	c ^= b
	c -= rol(b, 16)
	a ^= c
	a -= rol(c, 4)
	b ^= a
	b -= rol(a, 14)
	c ^= b
	c -= rol(b, 24)
	return c
}
