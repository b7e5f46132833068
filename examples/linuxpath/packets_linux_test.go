package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// A builder builds packets with random addresses, ports and contents.
type builder struct{ *rand.Rand }

func (b builder) bytes(n int) []byte {
	all := make([]byte, n)
	for i := range all {
		all[i] = byte(b.Uint32())
	}
	return all
}

// set returns p with some bytes replaced.
func set(p []byte, at int, with ...byte) []byte {
	copy(p[at:], with)
	return p
}

// Transport headers with four random bytes of payload.

func (b builder) tcp() []byte { return set(b.bytes(24), 12, 5<<4, 0x10) }
func (b builder) udp() []byte { return set(b.bytes(12), 4, 0, 12, 0, 0) }

func (b builder) udpTo(port uint16, payload ...[]byte) []byte {
	all := slices.Concat(payload...)
	h := set(b.bytes(8), 2, byte(port>>8), byte(port), byte((len(all)+8)>>8), byte(len(all)+8), 0, 0)
	return append(h, all...)
}

func (b builder) icmp(typ byte, payload []byte) []byte {
	return append(set(b.bytes(8), 0, typ, 0), payload...)
}

// ip4 builds a packet from 11.0.0.0/8 to 172.16.0.0/12, which the testbed
// routes.
func (b builder) ip4(proto byte, payload ...[]byte) []byte {
	return b.ip4Between(addressIn(netip.MustParsePrefix("11.0.0.0/8"), b.Rand),
		addressIn(netip.MustParsePrefix("172.16.0.0/12"), b.Rand),
		proto, slices.Concat(payload...))
}

// any4 builds a packet between any addresses, for the inside of a tunnel.
func (b builder) any4(proto byte, payload ...[]byte) []byte {
	return b.ip4Between(netip.AddrFrom4([4]byte(b.bytes(4))), netip.AddrFrom4([4]byte(b.bytes(4))), proto,
		slices.Concat(payload...))
}

func (b builder) ip4Between(src, dst netip.Addr, proto byte, payload []byte) []byte {
	p := make([]byte, 20, 20+len(payload))
	set(p, 0, 0x45, 0)
	binary.BigEndian.PutUint16(p[2:], uint16(20+len(payload)))
	set(p, 4, b.bytes(2)...)
	set(p, 8, 64, proto)
	copy(p[12:], src.AsSlice())
	copy(p[16:], dst.AsSlice())
	return checksum(append(p, payload...))
}

// fragment4 sets the flags and the fragment offset of an IPv4 header.
func fragment4(p []byte, flags, offset byte) []byte { return checksum(set(p, 6, flags, offset)) }

// options4 inserts an option of four bytes, padding, behind an IPv4 header.
func options4(p []byte) []byte {
	p = slices.Insert(p, 20, 1, 1, 1, 0)
	p[0]++
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	return checksum(p)
}

// checksum sets the checksum of an IPv4 header.
func checksum(p []byte) []byte {
	p[10], p[11] = 0, 0
	var sum uint32
	for i := 0; i < int(p[0]&0xf)*4; i += 2 {
		sum += uint32(p[i])<<8 | uint32(p[i+1])
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum))
	return p
}

// ip6 builds a packet from 2001::/16 to 2002::/16, with a random label.
func (b builder) ip6(next byte, payload ...[]byte) []byte {
	return b.ip6Between(addressIn(netip.MustParsePrefix("2001::/16"), b.Rand),
		addressIn(netip.MustParsePrefix("2002::/16"), b.Rand),
		next, slices.Concat(payload...))
}

func (b builder) any6(next byte, payload ...[]byte) []byte {
	return b.ip6Between(netip.AddrFrom16([16]byte(b.bytes(16))), netip.AddrFrom16([16]byte(b.bytes(16))), next,
		slices.Concat(payload...))
}

func (b builder) ip6Between(src, dst netip.Addr, next byte, payload []byte) []byte {
	p := set(b.bytes(40), 0, 0x60|byte(b.IntN(16)))
	binary.BigEndian.PutUint16(p[4:], uint16(len(payload)))
	set(p, 6, next, 64)
	copy(p[8:], src.AsSlice())
	copy(p[24:], dst.AsSlice())
	return append(p, payload...)
}

func unlabelled(p []byte) []byte { return set(p, 1, 0, 0, 0) }

// options6 returns a header of hop-by-hop or destination options: eight bytes
// of padding.
func options6(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }

func (b builder) fragment6(next byte, field uint16) []byte {
	return set(b.bytes(8), 0, next, 0, byte(field>>8), byte(field))
}

func (b builder) ah(next byte) []byte { return set(b.bytes(12), 0, next, 1, 0, 0) }

// gre returns a GRE header with random bytes in the fields that the flags add.
func (b builder) gre(flags, etherType uint16, payload []byte) []byte {
	h := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, flags), etherType)
	for _, flag := range []uint16{0x8000, 0x2000, 0x1000} {
		if flags&flag != 0 {
			h = append(h, b.bytes(4)...)
		}
	}
	return append(h, payload...)
}

func (b builder) ether(etherType uint16, payload ...[]byte) []byte {
	return append(binary.BigEndian.AppendUint16(b.bytes(12), etherType), slices.Concat(payload...)...)
}

func (b builder) label(bottom byte) []byte { return set(b.bytes(4), 2, bottom) }

// packets builds one packet of every kind, by name.
func (b builder) packets() map[string][]byte {
	pppoe := func(p []byte) []byte {
		return slices.Concat([]byte{0x11, 0, 0, 1, byte((len(p) + 2) >> 8), byte(len(p) + 2), 0, 0x21}, p)
	}
	shortPPPoE := func(p []byte) []byte { // the protocol is compressed
		return slices.Concat([]byte{0x11, 0, 0, 1, byte((len(p) + 1) >> 8), byte(len(p) + 1), 0x21}, p)
	}
	vxlan := func() []byte {
		return b.udpTo(4789, set(b.bytes(8), 0, 8), b.ether(0x0800, b.any4(6, b.tcp())))
	}
	all := map[string][]byte{
		"IPv4 TCP":                    b.ip4(6, b.tcp()),
		"IPv4 UDP":                    b.ip4(17, b.udp()),
		"IPv4 UDP-Lite":               b.ip4(136, b.udp()),
		"IPv4 SCTP":                   b.ip4(132, b.bytes(12)),
		"IPv4 DCCP":                   b.ip4(33, b.bytes(12)),
		"IPv4 ESP":                    b.ip4(50, b.bytes(20)),
		"IPv4 AH":                     b.ip4(51, b.ah(6), b.tcp()),
		"IPv4 OSPF":                   b.ip4(89, b.bytes(24)),
		"IPv4 L2TPv3":                 b.ip4(115, b.bytes(24)),
		"IPv4 options":                options4(b.ip4(17, b.udp())),
		"IPv4 echo":                   b.ip4(1, b.icmp(8, b.bytes(8))),
		"IPv4 first fragment":         fragment4(b.ip4(17, b.udpTo(53, b.bytes(12))), 0x20, 0),
		"IPv4 middle fragment":        fragment4(b.ip4(17, b.bytes(16)), 0x20, 9),
		"IPv4 last fragment":          fragment4(b.ip4(6, b.bytes(13)), 0, 9),
		"IPv4 redirect":               b.ip4(1, b.icmp(5, b.any4(6, b.tcp()))),
		"IPv4 unreachable":            b.ip4(1, b.icmp(3, b.any4(6, b.tcp())[:28])),
		"IPv4 unreachable, header":    b.ip4(1, b.icmp(3, b.any4(6, b.tcp())[:20])),
		"IPv4 unreachable, cut":       b.ip4(1, b.icmp(3, b.any4(6, b.tcp())[:19])),
		"IPv4 unreachable, a 1st one": fragment4(b.ip4(1, b.icmp(3, b.any4(6, b.tcp()))), 0x20, 0),
		"IPv4 unreachable, later one": fragment4(b.ip4(1, b.icmp(3, b.any4(6, b.tcp()))), 0x20, 2),
		"IPv4 exceeded, of IPv6":      b.ip4(1, b.icmp(11, b.any6(6, b.tcp()))),
		"IPv4 error, options":         options4(b.ip4(1, b.icmp(12, options4(b.any4(17, b.udp()))))),

		"IPv6 TCP":                 b.ip6(6, b.tcp()),
		"IPv6 UDP":                 b.ip6(17, b.udp()),
		"IPv6 no label":            unlabelled(b.ip6(17, b.udp())),
		"IPv6 ESP":                 b.ip6(50, b.bytes(20)),
		"IPv6 AH":                  b.ip6(51, b.ah(6), b.tcp()),
		"IPv6 hop-by-hop":          b.ip6(0, options6(17), b.udp()),
		"IPv6 options":             b.ip6(60, options6(6), b.tcp()),
		"IPv6 routing":             b.ip6(43, []byte{17, 0, 253, 0, 0, 0, 0, 0}, b.udp()),
		"IPv6 echo":                b.ip6(58, b.icmp(128, b.bytes(8))),
		"IPv6 first fragment":      b.ip6(44, b.fragment6(17, 1), b.udpTo(53, b.bytes(8))),
		"IPv6 later fragment":      b.ip6(44, b.fragment6(17, 9<<3), b.udp()),
		"IPv6 fragment, options":   b.ip6(60, options6(44), b.fragment6(17, 9<<3), b.udp()),
		"IPv6 fragment, AH":        b.ip6(51, b.ah(44), b.fragment6(17, 9<<3|1), b.bytes(16)),
		"IPv6 atomic fragment":     b.ip6(44, b.fragment6(6, 0), b.tcp()),
		"IPv6 atomic, options":     b.ip6(44, b.fragment6(60, 0), options6(17), b.udp()),
		"IPv6 atomic ESP":          b.ip6(44, b.fragment6(50, 0), b.bytes(20)),
		"IPv6 too big":             b.ip6(58, b.icmp(2, b.any6(6, b.tcp()))),
		"IPv6 unreachable, header": b.ip6(58, b.icmp(1, b.any6(44, b.bytes(20))[:40])),
		"IPv6 unreachable, cut":    b.ip6(58, b.icmp(1, b.any6(6, b.tcp())[:39])),
		"IPv6 exceeded, options":   b.ip6(60, options6(58), b.icmp(3, b.any6(6, b.tcp()))),
		"IPv6 error, fragment":     b.ip6(44, b.fragment6(58, 1), b.icmp(3, b.any6(6, b.tcp()))),
		"IPv6 error, atomic":       b.ip6(44, b.fragment6(58, 0), b.icmp(3, b.any6(6, b.tcp()))),
	}
	// Packets that end in their transport header, or before.
	for proto, name := range map[byte]string{
		6: "TCP", 17: "UDP", 136: "UDP-Lite", 132: "SCTP", 33: "DCCP", 50: "ESP", 51: "AH",
	} {
		for _, size := range []int{1, 3, 4, 7} {
			all[fmt.Sprintf("IPv4 %s of %d bytes", name, size)] = b.ip4(proto, b.bytes(size))
			all[fmt.Sprintf("IPv6 %s of %d bytes", name, size)] = b.ip6(proto, b.bytes(size))
			all[fmt.Sprintf("IPv4 carries %s of %d bytes", name, size)] = b.ip4(4, b.any4(proto, b.bytes(size)))
		}
	}
	all["IPv4 TCP of 19 bytes"] = b.ip4(6, b.tcp()[:19])
	all["IPv4 echo of 3 bytes"] = b.ip4(1, []byte{8, 0, 0})
	all["IPv6 options cut"] = b.ip6(60, options6(6)[:7])
	all["IPv6 options cut to one byte"] = b.ip6(60, options6(6)[:1])
	all["IPv6 second options cut"] = b.ip6(60, options6(60), options6(17)[:5])
	all["IPv6 fragment header cut"] = b.ip6(44, b.fragment6(17, 1)[:7])
	all["IPv6 AH cut"] = b.ip6(51, b.ah(6)[:11])
	all["IPv6 17 options"] = b.ip6(60, slices.Concat(slices.Repeat(options6(60), 16), options6(6)), b.tcp())

	inner := map[string]func() []byte{
		"TCP":        func() []byte { return b.any4(6, b.tcp()) },
		"UDP":        func() []byte { return options4(b.any4(17, b.udp())) },
		"ESP":        func() []byte { return b.any4(50, b.bytes(20)) },
		"AH":         func() []byte { return b.any4(51, b.ah(6), b.tcp()) },
		"fragment":   func() []byte { return fragment4(b.any4(6, b.tcp()), 0x20, 0) },
		"ICMP error": func() []byte { return b.any4(1, b.icmp(3, b.any4(6, b.tcp()))) },
		"IPIP":       func() []byte { return b.any4(4, b.any4(6, b.tcp())) },
		"6in4":       func() []byte { return b.any4(41, b.any6(6, b.tcp())) },
		"GRE":        func() []byte { return b.any4(47, b.gre(0x2000, 0x0800, b.any4(17, b.udp()))) },
		"VXLAN":      func() []byte { return b.any4(17, vxlan()) },
		"a fragment of GRE": func() []byte {
			return fragment4(b.any4(47, b.gre(0, 0x0800, b.any4(17, b.udp()))), 0x20, 0)
		},
	}
	inner6 := map[string]func() []byte{
		"TCP":       func() []byte { return b.any6(6, b.tcp()) },
		"no label":  func() []byte { return unlabelled(b.any6(17, b.udp())) },
		"AH":        func() []byte { return b.any6(51, b.ah(4), b.any4(6, b.tcp())) },
		"fragment":  func() []byte { return b.any6(44, b.fragment6(6, 9<<3), b.tcp()) },
		"atomic":    func() []byte { return b.any6(44, b.fragment6(6, 0), b.tcp()) },
		"4in6":      func() []byte { return b.any6(4, b.any4(6, b.tcp())) },
		"4in6 6in4": func() []byte { return b.any6(4, b.any4(41, unlabelled(b.any6(6, b.tcp())))) },
		"6in6":      func() []byte { return b.any6(60, options6(41), unlabelled(b.any6(6, b.tcp()))) },
		"VXLAN":     func() []byte { return b.any6(17, vxlan()) },
	}
	for outer, ip := range map[string]func(byte, ...[]byte) []byte{"IPv4": b.ip4, "IPv6": b.ip6} {
		for name, make := range inner {
			all[outer+" carries IPv4 "+name] = ip(4, make())
			all[outer+" GRE carries IPv4 "+name] = ip(47, b.gre(0, 0x0800, make()))
		}
		for name, make := range inner6 {
			all[outer+" carries IPv6 "+name] = ip(41, make())
			all[outer+" GRE carries IPv6 "+name] = ip(47, b.gre(0xb000, 0x86dd, make()))
		}
		packet := func() []byte { return b.any4(6, b.tcp()) }
		for name, payload := range map[string][]byte{
			"GRE checksum":       b.gre(0x8000, 0x0800, packet()),
			"GRE key":            b.gre(0x2000, 0x0800, packet()),
			"GRE sequence":       b.gre(0x1000, 0x0800, packet()),
			"GRE routes":         b.gre(0x4000, 0x0800, packet()),
			"GRE version 2":      b.gre(2, 0x0800, packet()),
			"GRE keepalive":      b.gre(0, 0, nil),
			"GRE Ethernet":       b.gre(0, 0x6558, b.ether(0x0800, packet())),
			"GRE tagged":         b.gre(0, 0x6558, b.ether(0x8100, []byte{0, 7, 8, 0}, packet())),
			"GRE tagged twice":   b.gre(0, 0x6558, b.ether(0x88a8, []byte{0, 7, 0x81, 0, 0, 8, 8, 0}, packet())),
			"GRE tag, no MAC":    b.gre(0, 0x8100, slices.Concat([]byte{0, 7, 8, 0}, packet())),
			"GRE PPPoE":          b.gre(0, 0x6558, b.ether(0x8864, pppoe(packet()))),
			"GRE ARP":            b.gre(0, 0x6558, b.ether(0x0806, b.bytes(28))),
			"GRE Ethernet short": b.gre(0, 0x6558, b.bytes(13)),
			"GRE MPLS":           b.gre(0, 0x8847, slices.Concat(b.label(0), b.label(1), packet())),
			"PPTP":               b.gre(0x3001, 0x880b, slices.Concat([]byte{0xff, 3, 0, 0x21}, packet())),
			"GRE old tag":        b.gre(0, 0x6558, b.ether(0x9100, []byte{0, 7, 8, 0}, packet())),
			"GRE tag, old tag":   b.gre(0, 0x6558, b.ether(0x8100, []byte{0, 7, 0x91, 0, 0, 8, 8, 0}, packet())),
			"GRE HSR":            b.gre(0, 0x6558, b.ether(0x892f, b.bytes(4), []byte{8, 0}, packet())),
			"GRE PRP":            b.gre(0, 0x6558, b.ether(0x88fb, b.bytes(4), []byte{8, 0}, packet())),
			"GRE short PPPoE":    b.gre(0, 0x6558, b.ether(0x8864, shortPPPoE(packet()))),
			"PPTP other control": b.gre(0x3001, 0x880b, slices.Concat([]byte{0, 9, 0, 0x21}, packet())),
			"PPTP no key":        b.gre(0x1001, 0x880b, slices.Concat([]byte{0xff, 3, 0, 0x21}, packet())),
			"PPTP LCP":           b.gre(0x3001, 0x880b, []byte{0xff, 3, 0xc0, 0x21, 1, 2, 3, 4}),
		} {
			all[outer+" "+name] = ip(47, payload)
		}
		for name, payload := range map[string][]byte{
			"VXLAN":         vxlan(),
			"Geneve":        b.udpTo(6081, set(b.bytes(8), 0, 0, 0, 0x08, 0), packet()),
			"GTP-U":         b.udpTo(2152, set(b.bytes(8), 0, 0x30, 255, 0, 44), packet()),
			"MPLS over UDP": b.udpTo(6635, b.label(1), packet()),
		} {
			all[outer+" "+name] = ip(17, payload)
		}
	}
	return all
}
