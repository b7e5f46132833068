package hash_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/hash"
)

// tunnelled is what Parse must find beside the outer flow.
type tunnelled struct {
	inner    string // flow
	tunnels  int
	id       uint32
	entropy  uint32
	innerErr string // without "hash: "
}

func (f *frame) checkInner(t *testing.T, h *hash.Headers) {
	inner := f.inner
	if inner == "" {
		inner = f.outer
	}
	assert.Equal(t, inner, h.Inner.String())
	assert.EqualValues(t, f.tunnels, h.Tunnels)
	assert.Equal(t, f.id, h.TunnelID)
	assert.Equal(t, f.entropy, h.EntropyLabel)
	if f.innerErr == "" {
		assert.NoError(t, h.InnerErr())
	} else {
		assert.EqualError(t, h.InnerErr(), "hash: "+f.innerErr)
	}
}

// mpls is a stack of labels.
func mpls(labels ...uint32) []byte {
	var b []byte
	for i, label := range labels {
		entry := label<<12 | 64
		if i == len(labels)-1 {
			entry |= 1 << 8
		}
		b = binary.BigEndian.AppendUint32(b, entry)
	}
	return b
}

func pppoe(proto uint16, payload []byte) []byte {
	b := append([]byte{0x11, 0, 0, 9}, byte((len(payload)+2)>>8), byte(len(payload)+2))
	return append(binary.BigEndian.AppendUint16(b, proto), payload...)
}

// compressed is PPPoE with a protocol of one byte.
func compressed(proto byte, payload []byte) []byte {
	b := pppoe(uint16(proto), payload)
	b[5]--
	return slices.Delete(b, 6, 7)
}

// gre has something of no meaning for whatever the flags add.
func gre(flags, etherType uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, flags), etherType)
	for _, flag := range []uint16{0x8000, 0x2000, 0x1000} {
		if flags&flag != 0 {
			b = append(b, 9, 9, byte(flag>>8), 7)
		}
	}
	return append(b, payload...)
}

func udpTo(port uint16, payload ...[]byte) []byte {
	all := slices.Concat(payload...)
	b := binary.BigEndian.AppendUint16(ports(50000, port), uint16(8+len(all)))
	return append(append(b, 0, 0), all...)
}

func vxlan(payload []byte) []byte { return append([]byte{8, 0, 0, 0, 1, 2, 3, 0}, payload...) }

func geneve(options int, etherType uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{byte(options / 4), 0}, etherType)
	return slices.Concat(b, []byte{4, 5, 6, 0}, make([]byte, options), payload)
}

// gtpu takes what follows the fixed header, extensions included.
func gtpu(flags, typ byte, rest ...[]byte) []byte {
	all := slices.Concat(rest...)
	return append([]byte{0x30 | flags, typ, byte(len(all) >> 8), byte(len(all)), 7, 8, 9, 10}, all...)
}

// other4 and other6 are the innermost packets of these tests, distinct from
// those that carry them.
func other4() []byte { return patch(ip4(6, tcp(hash.SYN)), 12, 192, 0, 2, 1, 192, 0, 2, 2) }
func other6() []byte { return patch(ip6(17, udp()), 36, 9, 9, 9, 9) }

const (
	inner4 = "TCP 192.0.2.1:49152 -> 192.0.2.2:443"
	inner6 = "UDP [2001:db8::1]:49152 -> [2001:db8::909:909]:53 label 0x12345"
)

func labelFrames() []frame {
	packet := ip4(6, tcp(hash.SYN))
	good := func(name string, l3 int, bytes ...[]byte) frame {
		return frame{name: name, bytes: slices.Concat(bytes...), outer: tcp4, tcp: hash.SYN, l3: l3, l4: l3 + 20}
	}
	bad := func(name string, err error, layer hash.Layer, offset int, bytes ...[]byte) frame {
		return frame{name: name, bytes: slices.Concat(bytes...), err: err, layer: layer, offset: offset}
	}
	entropy := good("MPLS entropy label", 26, ether(0x8847, mpls(16, 7, 0xabcde)), packet)
	entropy.entropy = 0xabcde
	wires := func(n int) []byte {
		wire := slices.Concat(mpls(16), make([]byte, 4), ether(0x8847))
		return slices.Concat(slices.Repeat(wire, n), mpls(16), packet)
	}
	many := make([]uint32, 17)
	return []frame{
		good("MPLS", 18, ether(0x8847, mpls(16)), packet),
		good("MPLS multicast", 22, ether(0x8848, mpls(16, 17)), packet),
		good("tagged MPLS", 22, ether(0x8100, tag(7, 0x8847), mpls(0)), packet),
		{name: "MPLS IPv6", bytes: ether(0x8847, mpls(2), ip6(17, udp())), outer: udp6, l3: 18, l4: 58},
		entropy,
		good("entropy indicator at the bottom", 18, ether(0x8847, mpls(7)), packet),
		good("16 labels", 78, ether(0x8847, mpls(many[:16]...)), packet),
		bad("17 labels", hash.ErrTooDeep, hash.LayerMPLS, 78, ether(0x8847, mpls(many...)), packet),
		bad("no label", hash.ErrTruncated, hash.LayerMPLS, 14, ether(0x8847)),
		bad("second label cut", hash.ErrTruncated, hash.LayerMPLS, 18, ether(0x8847, mpls(1, 2)[:7])),
		bad("entropy label cut", hash.ErrTruncated, hash.LayerMPLS, 18, ether(0x8847, mpls(7, 2)[:7])),
		bad("nothing behind the labels", hash.ErrTruncated, hash.LayerIP, 18, ether(0x8847, mpls(1))),
		bad("IPv4 cut behind labels", hash.ErrTruncated, hash.LayerIPv4, 18, ether(0x8847, mpls(1), packet[:19])),
		bad("neither IP nor control word", hash.ErrNotIP, 0, 0, ether(0x8847, mpls(1), bytesOf(0x10, 0, 0, 0))),
		good("pseudo-wire", 36, ether(0x8847, mpls(16), make([]byte, 4), ether4(packet))),
		good("tag in a pseudo-wire", 40, ether(0x8847, mpls(16), make([]byte, 4), ether(0x8100, tag(3, 0x0800),
			packet))),
		bad("ARP in a pseudo-wire", hash.ErrNotIP, 0, 0, ether(0x8847, mpls(16), make([]byte, 4),
			ether(0x0806, make([]byte, 28)))),
		bad("control word cut", hash.ErrTruncated, hash.LayerPseudowire, 18, ether(0x8847, mpls(16), make([]byte, 3))),
		bad("Ethernet cut", hash.ErrTruncated, hash.LayerEthernet, 22, ether(0x8847, mpls(16), make([]byte, 4+13))),
		good("8 pseudo-wires", 14+8*22+4, ether(0x8847, wires(8))),
		bad("9 pseudo-wires", hash.ErrTooDeep, hash.LayerMPLS, 14+8*22+4, ether(0x8847, wires(9))),
		good("PPPoE", 22, ether(0x8864, pppoe(0x0021, packet))),
		{name: "PPPoE IPv6", bytes: ether(0x8864, pppoe(0x0057, ip6(17, udp()))), outer: udp6, l3: 22, l4: 62},
		good("PPPoE MPLS", 26, ether(0x8864, pppoe(0x0281, append(mpls(16), packet...)))),
		good("PPPoE MPLS multicast", 26, ether(0x8864, pppoe(0x0283, append(mpls(16), packet...)))),
		good("PPPoE and padding", 22, ether(0x8864, pppoe(0x0021, packet), make([]byte, 9))),
		bad("PPPoE LCP", hash.ErrNotIP, 0, 0, ether(0x8864, pppoe(0xc021, make([]byte, 9)))),
		bad("PPPoE discovery", hash.ErrNotIP, 0, 0, ether(0x8863, pppoe(0x0021, packet))),
		bad("PPPoE of 7 bytes", hash.ErrTruncated, hash.LayerPPPoE, 14, ether(0x8864, pppoe(0x0021, nil)[:7])),
		bad("PPPoE cut", hash.ErrTruncated, hash.LayerPPPoE, 14, ether(0x8864, patch(pppoe(0x0021, packet), 5, 47))),
		bad("PPPoE shorter than IP", hash.ErrTruncated, hash.LayerIPv4, 22,
			ether(0x8864, patch(pppoe(0x0021, packet), 5, 45))),
		bad("PPPoE of no length", hash.ErrMalformed, hash.LayerPPPoE, 14,
			ether(0x8864, patch(pppoe(0x0021, packet), 5, 1))),
		good("PPPoE, protocol compressed", 21, ether(0x8864, compressed(0x21, packet))),
		{name: "PPPoE IPv6, protocol compressed", bytes: ether(0x8864, compressed(0x57, ip6(17, udp()))), outer: udp6,
			l3: 21, l4: 61},
		bad("PPPoE, protocol compressed, IPv4 cut", hash.ErrTruncated, hash.LayerIPv4, 21,
			ether(0x8864, compressed(0x21, packet[:19]))),
		bad("PPPoE, protocol compressed, no IP", hash.ErrNotIP, 0, 0, ether(0x8864, compressed(0x23, packet))),
		bad("PPPoE, protocol compressed, of no length", hash.ErrMalformed, hash.LayerPPPoE, 14,
			ether(0x8864, patch(compressed(0x21, packet), 5, 0))),
		bad("PPPoE of 6 bytes", hash.ErrTruncated, hash.LayerPPPoE, 14, ether(0x8864, compressed(0x21, nil)[:6])),
		bad("PPPoE version 2", hash.ErrMalformed, hash.LayerPPPoE, 14,
			ether(0x8864, patch(pppoe(0x0021, packet), 0, 0x21))),
		bad("PPPoE with a code", hash.ErrMalformed, hash.LayerPPPoE, 14,
			ether(0x8864, patch(pppoe(0x0021, packet), 1, 9))),
	}
}

func tunnelFrames() []frame {
	outer4 := func(proto int, sport, dport int) string {
		name := fmt.Sprintf("protocol %d", proto)
		if proto == 17 {
			name = "UDP"
		}
		return fmt.Sprintf("%s 10.0.0.1:%d -> 10.0.0.2:%d", name, sport, dport)
	}
	in4 := func(name string, proto int, payload []byte, want tunnelled) frame {
		return frame{name: name, bytes: ether4(ip4(byte(proto), payload)), outer: outer4(proto, 0, 0),
			tunnelled: want, l3: 14, l4: 34}
	}
	inUDP := func(name string, port uint16, payload []byte, want tunnelled) frame {
		return frame{name: name, bytes: ether4(ip4(17, udpTo(port, payload))), outer: outer4(17, 50000, int(port)),
			tunnelled: want, l3: 14, l4: 34}
	}
	in6 := func(name string, next byte, payload []byte, outer string, want tunnelled) frame {
		return frame{name: name, bytes: ether6(ip6(next, payload)), outer: outer, tunnelled: want, l3: 14, l4: 54}
	}
	nested := func(n int) []byte {
		b := other4()
		for range n {
			b = ip4(4, b)
		}
		return b
	}
	noTunnel := tunnelled{}
	to4, to6 := tunnelled{inner: inner4, tunnels: 1}, tunnelled{inner: inner6, tunnels: 1}
	with := func(id uint32) tunnelled { return tunnelled{inner: inner4, tunnels: 1, id: id} }
	noIP := func(id uint32) tunnelled { return tunnelled{id: id} }
	failed := func(id uint32, err string) tunnelled { return tunnelled{id: id, innerErr: err} }
	icmpError := icmp(3, patch(ip4(6, tcp(0)), 12, 10, 0, 0, 2, 10, 0, 0, 9))
	fragment := patch(other4(), 6, 0x20, 0)
	const gtpID, vni, geneveID, key, call = 0x0708090a, 0x010203, 0x040506, 0x09092007, 0x2007
	far := ip4(17, udpTo(6081, geneve(40, 0x0800, other4())))
	for range 3 {
		far = ip4Options(make([]byte, 40), 17, udpTo(6081, geneve(252, 0x0800, far)))
	}
	// Three tunnels lead to byte 998; one more with a header of 24 or 28 bytes
	// to 1022 or 1026.
	atEdge := func(options int) []byte {
		b := ip4Options(make([]byte, options), 4, other4())
		for range 3 {
			b = ip4Options(make([]byte, 40), 17, udpTo(6081, geneve(252, 0x0800, b)))
		}
		return ether4(b)
	}
	// With an Ethernet header in one of the three, the payload of the last
	// tunnel is at byte 1024, the last that is read.
	atLimit := ip4Options(make([]byte, 16), 4, other4())
	atLimit = ip4Options(make([]byte, 40), 17, udpTo(6081, geneve(228, 0x6558, ether4(atLimit))))
	for range 2 {
		atLimit = ip4Options(make([]byte, 40), 17, udpTo(6081, geneve(252, 0x0800, atLimit)))
	}
	otherLabel := patch(ip6(41, patch(other6(), 1, 0xf0, 0, 0)), 1, 0xf0, 0, 9)
	return []frame{
		in4("IPIP", 4, other4(), to4),
		in4("6in4", 41, other6(), to6),
		in6("4in6", 4, other4(), "protocol 4 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", to4),
		in6("6in6", 41, other6(), "protocol 41 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", to6),
		in6("6in6, inner label zero", 41, patch(other6(), 1, 0, 0, 0),
			"protocol 41 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345",
			tunnelled{inner: "UDP [2001:db8::1]:49152 -> [2001:db8::909:909]:53", tunnels: 1}),
		in4("IPIP, a later fragment", 4, patch(other4(), 6, 0, 9),
			tunnelled{inner: "TCP 192.0.2.1:0 -> 192.0.2.2:0", tunnels: 1}),
		in4("IPIP, a fragmented tunnel", 4, patch(ip4(4, other4()), 6, 0x20, 0), tunnelled{inner: outer4(4, 0, 0),
			tunnels: 1}),
		in4("IPIP of IPv6", 4, other6(), failed(0, "IPv4 header at byte 34: malformed")),
		in4("IPIP cut", 4, other4()[:30], failed(0, "IPv4 header at byte 34: truncated")),
		in4("IPIP of nothing", 4, nil, failed(0, "IPv4 header at byte 34: truncated")),
		in4("IPIP, TCP short", 4, ip4(6, tcp(0)[:8]), tunnelled{inner: "TCP 10.0.0.1:49152 -> 10.0.0.2:443",
			tunnels: 1}),
		in4("IPIP twice, the second cut", 4, ip4(4, ip4(6, tcp(0))[:19]), tunnelled{inner: outer4(4, 0, 0),
			tunnels: 1, innerErr: "IPv4 header at byte 54: truncated"}),
		in4("8 tunnels", 4, nested(7), tunnelled{inner: inner4, tunnels: 8}),
		in4("9 tunnels", 4, nested(8), tunnelled{inner: outer4(4, 0, 0), tunnels: 8,
			innerErr: "tunnel header at byte 194: too many headers"}),
		in4("IPIP, an ICMP error", 4, ip4(1, icmpError), tunnelled{inner: icmp4, tunnels: 1}),
		{name: "a fragment of IPIP", bytes: ether4(patch(ip4(4, other4()), 6, 0x20, 0)), outer: outer4(4, 0, 0),
			first: true, fragID: 0xbeef, l3: 14, l4: 34},

		in4("GRE", 47, gre(0, 0x0800, other4()), to4),
		in4("GRE IPv6", 47, gre(0, 0x86dd, other6()), to6),
		in6("GRE in IPv6", 47, gre(0, 0x0800, other4()),
			"protocol 47 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", to4),
		in4("GRE checksum", 47, gre(0x8000, 0x0800, other4()), to4),
		in4("GRE key", 47, gre(0x2000, 0x0800, other4()), with(key)),
		in4("GRE sequence", 47, gre(0x1000, 0x0800, other4()), to4),
		in4("GRE everything", 47, gre(0xb000, 0x0800, other4()), with(key)),
		in4("GRE Ethernet", 47, gre(0, 0x6558, ether4(other4())), to4),
		in4("GRE Ethernet, tagged", 47, gre(0, 0x6558, ether(0x8100, tag(2, 0x0800), other4())), to4),
		in4("GRE Ethernet, PPPoE", 47, gre(0, 0x6558, ether(0x8864, pppoe(0x21, other4()))), to4),
		in4("GRE Ethernet, ARP", 47, gre(0, 0x6558, ether(0x0806, make([]byte, 28))), noTunnel),
		in4("GRE Ethernet cut", 47, gre(0, 0x6558, make([]byte, 13)),
			failed(0, "Ethernet header at byte 38: truncated")),
		in4("GRE Ethernet, second Ethernet cut", 47, gre(0, 0x6558, ether(0x8847, mpls(1), make([]byte, 9))),
			failed(0, "Ethernet header at byte 60: truncated")),
		in4("GRE MPLS", 47, gre(0, 0x8847, append(mpls(16), other4()...)), to4),
		in4("GRE MPLS cut", 47, gre(0, 0x8847, mpls(16)[:3]), failed(0, "MPLS header at byte 38: truncated")),
		in4("GRE with another protocol", 47, gre(0, 0x880b, other4()), noTunnel),
		in4("GRE with routes", 47, gre(0x4000, 0x0800, other4()), noTunnel),
		in4("GRE version 2", 47, gre(2, 0x0800, other4()), noTunnel),
		in4("GRE of 3 bytes", 47, bytesOf(0, 0, 8), failed(0, "GRE header at byte 34: truncated")),
		in4("GRE key cut", 47, gre(0x2000, 0x0800, nil)[:7], failed(0, "GRE header at byte 34: truncated")),
		in4("GRE of nothing", 47, gre(0, 0x0800, nil), failed(0, "IPv4 header at byte 38: truncated")),
		in4("PPTP", 47, gre(0x3001, 0x880b, append(bytesOf(0xff, 3, 0, 0x21), other4()...)), with(call)),
		in4("PPTP IPv6", 47, gre(0x3081, 0x880b, slices.Concat(bytesOf(0, 0, 0, 1, 0xff, 3, 0, 0x57), other6())),
			tunnelled{inner: inner6, tunnels: 1, id: call}),
		in4("PPTP, another address and control", 47, gre(0x3001, 0x880b, append(bytesOf(0, 9, 0, 0x21), other4()...)),
			with(call)),
		in4("GRE Ethernet, 9100 tag", 47, gre(0, 0x6558, ether(0x9100, tag(2, 0x0800), other4())), to4),
		in4("GRE Ethernet, HSR tag", 47, gre(0, 0x6558, ether(0x892f, bytesOf(0, 9, 9, 9, 8, 0), other4())), to4),
		in4("GRE Ethernet, compressed PPPoE", 47, gre(0, 0x6558, ether(0x8864, compressed(0x21, other4()))), to4),
		in4("PPTP LCP", 47, gre(0x3001, 0x880b, bytesOf(0xff, 3, 0xc0, 0x21)), noIP(call)),
		in4("PPTP acknowledgement", 47, gre(0x2081, 0x880b, bytesOf(0, 0, 0, 1)), noIP(call)),
		in4("PPTP without key", 47, gre(0x1001, 0x880b, append(bytesOf(0xff, 3, 0, 0x21), other4()...)), noTunnel),
		in4("GRE version 1, IPv4", 47, gre(0x2001, 0x0800, other4()), noTunnel),

		inUDP("VXLAN", 4789, vxlan(ether4(other4())), with(vni)),
		inUDP("VXLAN of Linux", 8472, vxlan(ether4(other4())), with(vni)),
		inUDP("GRE in UDP", 4754, gre(0x2000, 0x0800, other4()), with(key)),
		inUDP("GRE in UDP, Ethernet", 4754, gre(0, 0x6558, ether6(other6())), to6),
		inUDP("GRE in UDP, cut", 4754, gre(0, 0x0800, nil)[:3], failed(0, "GRE header at byte 42: truncated")),
		inUDP("VXLAN IPv6", 4789, vxlan(ether6(other6())), tunnelled{inner: inner6, tunnels: 1, id: vni}),
		inUDP("VXLAN ARP", 4789, vxlan(ether(0x0806, make([]byte, 28))), noIP(vni)),
		inUDP("VXLAN without VNI", 4789, patch(vxlan(ether4(other4())), 0, 0), noTunnel),
		inUDP("VXLAN of 7 bytes", 4789, vxlan(nil)[:7], failed(0, "VXLAN header at byte 42: truncated")),
		inUDP("VXLAN Ethernet cut", 4789, vxlan(make([]byte, 13)),
			failed(vni, "Ethernet header at byte 50: truncated")),
		inUDP("VXLAN in VXLAN", 4789, vxlan(ether4(ip4(17, udpTo(4789, vxlan(ether4(other4())))))),
			tunnelled{inner: inner4, tunnels: 2, id: vni}),
		{
			name:  "from the VXLAN port",
			bytes: ether4(ip4(17, patch(udpTo(53, vxlan(ether4(other4()))), 0, 0x12, 0xb5))),
			outer: outer4(17, 4789, 53), l3: 14, l4: 34,
		},
		{
			name: "VXLAN port of TCP", bytes: ether4(ip4(6, patch(tcp(hash.SYN), 2, 0x12, 0xb5))),
			outer: "TCP 10.0.0.1:49152 -> 10.0.0.2:4789", tcp: hash.SYN, l3: 14, l4: 34,
		},
		in6("VXLAN over IPv6", 17, udpTo(4789, vxlan(ether4(other4()))),
			"UDP [2001:db8::1]:50000 -> [2001:db8::2]:4789 label 0x12345", with(vni)),
		inUDP("IPIP in VXLAN", 4789, vxlan(ether4(ip4(4, other4()))), tunnelled{inner: inner4, tunnels: 2, id: vni}),
		in4("VXLAN in IPIP", 4, ip4(17, udpTo(4789, vxlan(ether4(other4())))), tunnelled{inner: inner4, tunnels: 2,
			id: vni}),

		inUDP("Geneve", 6081, geneve(0, 0x6558, ether4(other4())), with(geneveID)),
		inUDP("Geneve options", 6081, geneve(12, 0x6558, ether4(other4())), with(geneveID)),
		inUDP("Geneve IPv4", 6081, geneve(0, 0x0800, other4()), with(geneveID)),
		inUDP("Geneve version 1", 6081, patch(geneve(0, 0x0800, other4()), 0, 0x40), noTunnel),
		inUDP("Geneve version 1, Ethernet", 6081, patch(geneve(0, 0x6558, ether4(other4())), 0, 0x40), noTunnel),
		inUDP("Geneve of 7 bytes", 6081, geneve(0, 0x0800, nil)[:7], failed(0, "Geneve header at byte 42: truncated")),
		inUDP("Geneve options cut", 6081, geneve(12, 0x0800, nil)[:19],
			failed(0, "Geneve header at byte 42: truncated")),

		inUDP("GTP-U", 2152, gtpu(0, 255, other4()), with(gtpID)),
		inUDP("GTP-U IPv6", 2152, gtpu(0, 255, other6()), tunnelled{inner: inner6, tunnels: 1, id: gtpID}),
		inUDP("GTP-U sequence", 2152, gtpu(2, 255, bytesOf(0, 1, 0, 9), other4()), with(gtpID)),
		inUDP("GTP-U extension", 2152, gtpu(4, 255, bytesOf(0, 0, 0, 0x85, 1, 0, 9, 0), other4()), with(gtpID)),
		inUDP("GTP-U two extensions", 2152, gtpu(4, 255, bytesOf(0, 0, 0, 0x85, 1, 0, 9, 0x40),
			bytesOf(2, 0, 0, 0, 0, 0, 0, 0), other4()), with(gtpID)),
		inUDP("GTP-U, no extension after all", 2152, gtpu(4, 255, bytesOf(0, 0, 0, 0), other4()), with(gtpID)),
		inUDP("GTP-U extension of no length", 2152, gtpu(4, 255, bytesOf(0, 0, 0, 0x85, 0, 0, 0, 0), other4()),
			failed(0, "GTP-U header at byte 42: malformed")),
		inUDP("GTP-U extension cut", 2152, gtpu(4, 255, bytesOf(0, 0, 0, 0x85, 2, 0, 9, 0)),
			failed(0, "GTP-U header at byte 42: truncated")),
		inUDP("GTP-U extension missing", 2152, gtpu(4, 255, bytesOf(0, 0, 0, 0x85)),
			failed(0, "GTP-U header at byte 42: truncated")),
		inUDP("GTP-U sequence cut", 2152, gtpu(2, 255, bytesOf(0, 0, 0)),
			failed(0, "GTP-U header at byte 42: truncated")),
		inUDP("GTP-U of 7 bytes", 2152, gtpu(0, 255)[:7], failed(0, "GTP-U header at byte 42: truncated")),
		inUDP("GTP-U cut", 2152, gtpu(0, 255, other4())[:30], failed(0, "GTP-U header at byte 42: truncated")),
		inUDP("GTP-U shorter than IP", 2152, append(gtpu(0, 255, other4()[:30]), other4()[30:]...),
			failed(gtpID, "IPv4 header at byte 50: truncated")),
		inUDP("GTP-U echo", 2152, gtpu(2, 1, bytesOf(0, 1, 0, 0)), noTunnel),
		inUDP("GTP'", 2152, patch(gtpu(0, 255, other4()), 0, 0x20), noTunnel),
		inUDP("GTP-U of no IP", 2152, gtpu(0, 255, ether4(other4())), noIP(gtpID)),
		inUDP("GTP-U of nothing", 2152, gtpu(0, 255), noIP(gtpID)),

		inUDP("MPLS over UDP", 6635, append(mpls(16, 17), other4()...), to4),
		inUDP("MPLS over UDP, pseudo-wire", 6635, slices.Concat(mpls(16), make([]byte, 4), ether6(other6())), to6),
		inUDP("MPLS over UDP cut", 6635, mpls(16)[:3], failed(0, "MPLS header at byte 42: truncated")),
		inUDP("MPLS over UDP, entropy label", 6635, append(mpls(7, 16), other4()...), to4),

		{
			name: "too far in", bytes: ether4(far), outer: outer4(17, 50000, 6081), l3: 14, l4: 74,
			tunnelled: tunnelled{inner: outer4(17, 50000, 6081), tunnels: 3, id: geneveID,
				innerErr: "tunnel header at byte 1018: too many headers"},
		},
		{
			name: "as far in as it goes", bytes: atEdge(4), outer: outer4(17, 50000, 6081), l3: 14, l4: 74,
			tunnelled: tunnelled{inner: inner4, tunnels: 4, id: geneveID},
		},
		{
			name: "at byte 1024", bytes: ether4(atLimit), outer: outer4(17, 50000, 6081), l3: 14, l4: 74,
			tunnelled: tunnelled{inner: inner4, tunnels: 4, id: geneveID},
		},
		{
			name: "two bytes further", bytes: atEdge(8), outer: outer4(17, 50000, 6081), l3: 14, l4: 74,
			tunnelled: tunnelled{inner: outer4(4, 0, 0), tunnels: 3, id: geneveID,
				innerErr: "tunnel header at byte 1026: too many headers"},
		},
		in6("6in6 twice, labels 0x12345, 9 and 0", 41, otherLabel,
			"protocol 41 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345",
			tunnelled{inner: "UDP [2001:db8::1]:49152 -> [2001:db8::909:909]:53", tunnels: 2}),
		in4("GRE, a first fragment", 47, gre(0, 0x0800, fragment),
			tunnelled{inner: "TCP 192.0.2.1:0 -> 192.0.2.2:0", tunnels: 1}),
		in4("AH in IPIP", 4, ip4(51, slices.Concat(ah(6, 12), tcp(0))), tunnelled{inner: outer4(51, 0, 0), tunnels: 1}),
		in4("AH in 6in4", 41, ip6(51, ah(4, 12), other4()), tunnelled{inner: inner4, tunnels: 2}),
		{
			name: "IPIP behind AH", bytes: ether6(ip6(51, ah(4, 12), other4())),
			outer: "protocol 4 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", tunnelled: to4, l3: 14, l4: 66,
		},
		{
			name: "IPIP behind an atomic fragment header", bytes: ether6(ip6(44, frag6(4, 0, false), other4())),
			outer: "protocol 4 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", tunnelled: to4, l3: 14, l4: 62,
		},
		{
			name: "IPIP behind options", bytes: ether6(ip6(60, ext(4, 8), other4())),
			outer: "protocol 4 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", tunnelled: to4, l3: 14, l4: 62,
		},
	}
}

// sessionFrames are those with something else than ports to tell flows apart.
func sessionFrames() []frame {
	const esp6 = "protocol 50 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345"
	return []frame{
		{name: "AH, then ESP", bytes: ether6(ip6(51, ah(50, 24), udp())), outer: esp6, l3: 14, l4: 78},
		{name: "atomic fragment of ESP", bytes: ether6(ip6(44, frag6(50, 0, false), udp())), outer: esp6, l3: 14,
			l4: 62},
		{name: "atomic fragment, then options", bytes: ether6(ip6(44, frag6(60, 0, false), ext(17, 8), udp())),
			outer: udp6, l3: 14, l4: 70},
		{
			name: "a fragment behind AH", bytes: ether6(ip6(51, ah(44, 12), frag6(17, 3, true), udp())),
			outer: "UDP [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", later: true, fragID: 0xdeadbeef, l3: 14,
			l4: 74,
		},
		{
			name:  "an ICMP error behind options",
			bytes: ether6(ip6(60, ext(58, 8), icmp(2, patch(ip6(17, udp()), 8, 1)))),
			outer: icmp6, cited: "UDP [2001:db8::2]:53 -> [101:db8::1]:49152", l3: 14, l4: 62,
		},
	}
}
