package hash_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"

	"github.com/ecmp-go/ecmp/hash"
)

// A frame is an Ethernet frame made by hand and what Parse must find in it.
// Addresses are those of the builders below.
type frame struct {
	name  string
	bytes []byte

	outer  string // of the flow key; empty if parsing fails
	cited  string // of the flow key; empty if the packet is no ICMP error
	tcp    hash.TCPFlags
	first  bool
	later  bool
	fragID uint32
	l3, l4 int

	tunnelled // zero without a tunnel

	err    error // and, unless this is ErrNotIP:
	layer  hash.Layer
	offset int
}

// Builders, from the inside to the outside. Each writes a header in front of a
// payload.

func bytesOf(b ...byte) []byte { return b }

// patch returns b with some bytes from index at replaced.
func patch(b []byte, at int, with ...byte) []byte {
	b = slices.Clone(b)
	copy(b[at:], with)
	return b
}

func ports(src, dst uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, src), dst)
}

func tcp(flags hash.TCPFlags) []byte {
	b := append(ports(49152, 443), 0, 0, 0, 1, 0, 0, 0, 2, 5<<4, byte(flags), 0xff, 0xff, 0xab, 0xcd, 0, 0)
	return append(b, "data"...)
}

func udp() []byte     { return append(ports(49152, 53), 0, 12, 0xab, 0xcd, 'd', 'a', 't', 'a') }
func udpLite() []byte { return append(ports(49152, 53), 0, 8, 0xab, 0xcd, 'd', 'a', 't', 'a') }
func sctp() []byte    { return append(ports(36412, 38412), 1, 2, 3, 4, 5, 6, 7, 8) }
func dccp() []byte    { return append(ports(5001, 5002), 3, 0, 1, 2, 4, 0, 0, 1) }

func icmp(typ byte, payload ...[]byte) []byte {
	return append([]byte{typ, 0, 0xab, 0xcd, 0, 0, 5, 0xdc}, slices.Concat(payload...)...)
}

// ip4 is from 10.0.0.1 to 10.0.0.2.
func ip4(proto byte, payload []byte) []byte { return ip4Options(nil, proto, payload) }

func ip4Options(options []byte, proto byte, payload []byte) []byte {
	b := bytesOf(4<<4|byte(5+len(options)/4), 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(options)+len(payload)))
	b = append(b, 0xbe, 0xef, 0x40, 0, 64, proto, 0xab, 0xcd, 10, 0, 0, 1, 10, 0, 0, 2)
	return slices.Concat(b, options, payload)
}

// ip6 is from 2001:db8::1 to 2001:db8::2, with traffic class 0xff and flow
// label 0x12345.
func ip6(next byte, payload ...[]byte) []byte {
	all := slices.Concat(payload...)
	b := bytesOf(6<<4|0xf, 0xf<<4|1, 0x23, 0x45)
	b = binary.BigEndian.AppendUint16(b, uint16(len(all)))
	b = append(b, next, 64)
	src, dst := netip.MustParseAddr("2001:db8::1").As16(), netip.MustParseAddr("2001:db8::2").As16()
	return slices.Concat(b, src[:], dst[:], all)
}

// ext is an extension header of size bytes, a multiple of eight, or of four for
// an authentication header (ah).
func ext(next byte, size int) []byte { return patch(make([]byte, size), 0, next, byte(size/8-1)) }
func ah(next byte, size int) []byte  { return patch(make([]byte, size), 0, next, byte(size/4-2)) }

func frag6(next byte, offset uint16, more bool) []byte {
	field := offset << 3
	if more {
		field |= 1
	}
	b := binary.BigEndian.AppendUint16(bytesOf(next, 0), field)
	return append(b, 0xde, 0xad, 0xbe, 0xef)
}

func chainOf(n int, last byte) []byte {
	var b []byte
	for i := range n {
		next := byte(60)
		if i == n-1 {
			next = last
		}
		b = append(b, ext(next, 8)...)
	}
	return b
}

func ether(etherType uint16, payload ...[]byte) []byte {
	b := bytesOf(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2)
	return append(binary.BigEndian.AppendUint16(b, etherType), slices.Concat(payload...)...)
}

// tag is what stands between the EtherType of a tag and the payload of the next
// type.
func tag(vid, etherType uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, vid), etherType)
}

func ether4(payload []byte) []byte { return ether(0x0800, payload) }
func ether6(payload []byte) []byte { return ether(0x86dd, payload) }

const (
	tcp4 = "TCP 10.0.0.1:49152 -> 10.0.0.2:443"
	udp4 = "UDP 10.0.0.1:49152 -> 10.0.0.2:53"
	tcp6 = "TCP [2001:db8::1]:49152 -> [2001:db8::2]:443 label 0x12345"
	udp6 = "UDP [2001:db8::1]:49152 -> [2001:db8::2]:53 label 0x12345"

	icmp4 = "ICMP 10.0.0.1:0 -> 10.0.0.2:0"
	icmp6 = "ICMPv6 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345"
)

// frames returns frames of every kind, good and bad.
func frames() []frame {
	return slices.Concat(linkFrames(), ipv4Frames(), ipv6Frames(), icmpFrames(), shortFrames(), badFrames(),
		labelFrames(), tunnelFrames(), sessionFrames())
}

func linkFrames() []frame {
	packet := ip4(6, tcp(hash.SYN))
	eightTags := slices.Concat(slices.Repeat(tag(1, 0x8100), 7), tag(1, 0x0800))
	nineTags := slices.Concat(slices.Repeat(tag(1, 0x8100), 8), tag(1, 0x0800))
	return []frame{
		{name: "Ethernet", bytes: ether4(packet), outer: tcp4, tcp: hash.SYN, l3: 14, l4: 34},
		{name: "802.1Q", bytes: ether(0x8100, tag(7, 0x0800), packet), outer: tcp4, tcp: hash.SYN, l3: 18, l4: 38},
		{
			name: "802.1ad", bytes: ether(0x88a8, tag(7, 0x8100), tag(8, 0x86dd), ip6(17, udp())),
			outer: udp6, l3: 22, l4: 62,
		},
		{
			name: "old QinQ", bytes: ether(0x9100, tag(7, 0x9100), tag(8, 0x0800), packet),
			outer: tcp4, tcp: hash.SYN, l3: 22, l4: 42,
		},
		{name: "eight tags", bytes: ether(0x8100, eightTags, packet), outer: tcp4, tcp: hash.SYN, l3: 46, l4: 66},
		{
			name: "nine tags", bytes: ether(0x8100, nineTags, packet),
			err: hash.ErrTooDeep, layer: hash.LayerVLAN, offset: 44,
		},
		{name: "tag cut", bytes: ether(0x8100, bytesOf(0, 7, 8)), err: hash.ErrTruncated, layer: hash.LayerVLAN,
			offset: 12},
		{
			name: "second tag cut", bytes: ether(0x88a8, tag(7, 0x8100), bytesOf(0, 7)),
			err: hash.ErrTruncated, layer: hash.LayerVLAN, offset: 16,
		},
		{name: "nothing behind the header", bytes: ether4(nil), err: hash.ErrTruncated, layer: hash.LayerIPv4,
			offset: 14},
		{name: "nothing behind the tag", bytes: ether(0x8100, tag(7, 0x86dd)), err: hash.ErrTruncated,
			layer: hash.LayerIPv6, offset: 18},
		{name: "ARP", bytes: ether(0x0806, make([]byte, 28)), err: hash.ErrNotIP},
		{name: "tagged ARP", bytes: ether(0x8100, tag(7, 0x0806), make([]byte, 28)), err: hash.ErrNotIP},
		{name: "LLDP", bytes: ether(0x88cc, make([]byte, 40)), err: hash.ErrNotIP},
		{name: "HSR", bytes: ether(0x892f, bytesOf(0, 52, 0, 9), bytesOf(8, 0), packet), outer: tcp4, tcp: hash.SYN,
			l3: 20, l4: 40},
		{name: "PRP, tagged", bytes: ether(0x88fb, bytesOf(0, 52, 0, 9), bytesOf(0x81, 0), tag(7, 0x86dd), ip6(17,
			udp())), outer: udp6, l3: 24, l4: 64},
		{name: "HSR cut", bytes: ether(0x892f, bytesOf(0, 52, 0, 9, 8)), err: hash.ErrTruncated, layer: hash.LayerVLAN,
			offset: 12},
		{name: "802.3 length", bytes: ether(0x0026, packet), err: hash.ErrNotIP},
		{name: "no payload of no IP", bytes: ether(0x0806), err: hash.ErrNotIP},
		{name: "13 bytes", bytes: ether4(nil)[:13], err: hash.ErrTruncated, layer: hash.LayerEthernet},
		{name: "empty", bytes: nil, err: hash.ErrTruncated, layer: hash.LayerEthernet},
	}
}

func ipv4Frames() []frame {
	options := slices.Concat(bytesOf(7, 39, 4), make([]byte, 37))
	whole := ip4(6, tcp(hash.ACK|hash.PSH))
	fragment := func(packet []byte, flags byte, offset byte) []byte { return ether4(patch(packet, 6, flags, offset)) }
	return []frame{
		{name: "TCP4", bytes: ether4(whole), outer: tcp4, tcp: hash.ACK | hash.PSH, l3: 14, l4: 34},
		{name: "TCP4, all flags", bytes: ether4(ip4(6, tcp(0xff))), outer: tcp4, tcp: 0xff, l3: 14, l4: 34},
		{name: "UDP4", bytes: ether4(ip4(17, udp())), outer: udp4, l3: 14, l4: 34},
		{name: "UDPLite4", bytes: ether4(ip4(136, udpLite())), outer: "UDPLite 10.0.0.1:49152 -> 10.0.0.2:53",
			l3: 14, l4: 34},
		{name: "SCTP4", bytes: ether4(ip4(132, sctp())), outer: "SCTP 10.0.0.1:36412 -> 10.0.0.2:38412", l3: 14,
			l4: 34},
		{name: "DCCP4", bytes: ether4(ip4(33, dccp())), outer: "DCCP 10.0.0.1:5001 -> 10.0.0.2:5002", l3: 14, l4: 34},
		{name: "ESP4", bytes: ether4(ip4(50, udp())), outer: "protocol 50 10.0.0.1:0 -> 10.0.0.2:0", l3: 14, l4: 34},
		{name: "AH4", bytes: ether4(ip4(51, slices.Concat(ah(6, 24), tcp(0)))),
			outer: "protocol 51 10.0.0.1:0 -> 10.0.0.2:0", l3: 14, l4: 34},
		{name: "no transport", bytes: ether4(ip4(253, nil)), outer: "protocol 253 10.0.0.1:0 -> 10.0.0.2:0", l3: 14,
			l4: 34},
		{name: "options", bytes: ether4(ip4Options(options, 17, udp())), outer: udp4, l3: 14, l4: 74},
		{name: "four bytes of options", bytes: ether4(ip4Options(make([]byte, 4), 6, tcp(hash.FIN))), outer: tcp4,
			tcp: hash.FIN, l3: 14, l4: 38},
		{name: "padding", bytes: ether4(append(ip4(17, udp()), 1, 2, 3, 4, 5, 6)), outer: udp4, l3: 14, l4: 34},
		{name: "length zero", bytes: ether4(patch(whole, 2, 0, 0)), outer: tcp4, tcp: hash.ACK | hash.PSH, l3: 14,
			l4: 34},
		{
			name: "first fragment", bytes: fragment(whole, 0x20, 0),
			outer: "TCP 10.0.0.1:0 -> 10.0.0.2:0", first: true, fragID: 0xbeef, l3: 14, l4: 34,
		},
		{
			name: "middle fragment", bytes: fragment(ip4(17, udp()), 0x20, 1),
			outer: "UDP 10.0.0.1:0 -> 10.0.0.2:0", later: true, fragID: 0xbeef, l3: 14, l4: 34,
		},
		{
			name: "last fragment, far out", bytes: fragment(ip4(17, udp()), 0x1f, 0),
			outer: "UDP 10.0.0.1:0 -> 10.0.0.2:0", later: true, fragID: 0xbeef, l3: 14, l4: 34,
		},
		{
			name: "fragment of two bytes", bytes: fragment(ip4(6, bytesOf(1, 2)), 0, 1),
			outer: "TCP 10.0.0.1:0 -> 10.0.0.2:0", later: true, fragID: 0xbeef, l3: 14, l4: 34,
		},
		{name: "reserved flag", bytes: fragment(whole, 0x80, 0), outer: tcp4, tcp: hash.ACK | hash.PSH, l3: 14, l4: 34},
	}
}

func ipv6Frames() []frame {
	return []frame{
		{name: "TCP6", bytes: ether6(ip6(6, tcp(hash.SYN|hash.ACK))), outer: tcp6, tcp: hash.SYN | hash.ACK, l3: 14,
			l4: 54},
		{name: "UDP6", bytes: ether6(ip6(17, udp())), outer: udp6, l3: 14, l4: 54},
		{name: "SCTP6", bytes: ether6(ip6(132, sctp())),
			outer: "SCTP [2001:db8::1]:36412 -> [2001:db8::2]:38412 label 0x12345", l3: 14, l4: 54},
		{name: "ESP6", bytes: ether6(ip6(50, udp())),
			outer: "protocol 50 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", l3: 14, l4: 54},
		{name: "no next header", bytes: ether6(ip6(59, udp())),
			outer: "protocol 59 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", l3: 14, l4: 54},
		{name: "nothing at all", bytes: ether6(ip6(59)),
			outer: "protocol 59 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", l3: 14, l4: 54},
		{name: "label zero", bytes: ether6(patch(ip6(17, udp()), 1, 0xf0, 0, 0)),
			outer: "UDP [2001:db8::1]:49152 -> [2001:db8::2]:53", l3: 14, l4: 54},
		{name: "mapped", bytes: ether6(patch(ip6(17, udp()), 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1)),
			outer: "UDP [::ffff:10.0.0.1]:49152 -> [2001:db8::2]:53 label 0x12345", l3: 14, l4: 54},
		{name: "hop-by-hop", bytes: ether6(ip6(0, ext(6, 8), tcp(hash.RST))), outer: tcp6, tcp: hash.RST, l3: 14,
			l4: 62},
		{name: "routing", bytes: ether6(ip6(43, ext(17, 56), udp())), outer: udp6, l3: 14, l4: 110},
		{name: "AH", bytes: ether6(ip6(51, ah(17, 28), udp())), outer: udp6, l3: 14, l4: 82},
		{
			name: "every extension", bytes: ether6(ip6(0, ext(60, 16), ext(43, 24), ext(44, 8), frag6(51, 0, false),
				ah(60, 24), ext(6, 8), tcp(0))),
			outer: tcp6, l3: 14, l4: 54 + 16 + 24 + 8 + 8 + 24 + 8,
		},
		{name: "hop-by-hop out of order", bytes: ether6(ip6(60, ext(0, 8), ext(17, 8), udp())), outer: udp6, l3: 14,
			l4: 70},
		{name: "no next header behind an extension", bytes: ether6(ip6(0, ext(59, 8))),
			outer: "protocol 59 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", l3: 14, l4: 62},
		{name: "16 extensions", bytes: ether6(ip6(60, chainOf(16, 6), tcp(0))), outer: tcp6, l3: 14, l4: 54 + 128},
		{name: "1,480 bytes of extensions", bytes: ether6(ip6(60, ext(17, 1480), udp())), outer: udp6, l3: 14,
			l4: 1534},
		{name: "padding 6", bytes: append(ether6(ip6(17, udp())), 1, 2, 3, 4), outer: udp6, l3: 14, l4: 54},
		{name: "length zero 6", bytes: ether6(patch(ip6(17, udp()), 4, 0, 0)), outer: udp6, l3: 14, l4: 54},
		{name: "jumbogram", bytes: ether6(patch(ip6(0, ext(6, 8), tcp(0)), 4, 0, 0)), outer: tcp6, l3: 14, l4: 62},
		{
			name: "first fragment 6", bytes: ether6(ip6(44, frag6(17, 0, true), udp())),
			outer: "UDP [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", first: true, fragID: 0xdeadbeef, l3: 14,
			l4: 62,
		},
		{
			name: "later fragment 6", bytes: ether6(ip6(0, ext(44, 8), frag6(17, 185, false), udp())),
			outer: "UDP [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", later: true, fragID: 0xdeadbeef, l3: 14,
			l4: 70,
		},
		{
			name: "first fragment with an extension", bytes: ether6(ip6(44, frag6(60, 0, true), ext(17, 8), udp())),
			outer: "protocol 60 [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", first: true, fragID: 0xdeadbeef,
			l3: 14, l4: 62,
		},
		{name: "atomic fragment", bytes: ether6(ip6(44, frag6(17, 0, false), udp())), outer: udp6, l3: 14, l4: 62},
		{name: "atomic fragment, reserved bits", bytes: ether6(ip6(44, patch(frag6(17, 0, false), 3, 6), udp())),
			outer: udp6, l3: 14, l4: 62},
	}
}

func icmpFrames() []frame {
	// What came back to 10.0.0.2 or 2001:db8::2 cites what that sent: its own
	// packet has the addresses changed round.
	sent4 := func(proto byte, payload []byte) []byte {
		return patch(ip4(proto, payload), 12, 10, 0, 0, 2, 10, 0, 0, 9)
	}
	dst := netip.MustParseAddr("2001:db8::2").As16()
	far := netip.MustParseAddr("2001:db8::9").As16()
	sent6 := func(next byte, payload ...[]byte) []byte {
		return patch(patch(ip6(next, payload...), 8, dst[:]...), 24, far[:]...)
	}
	const (
		citedTCP4 = "TCP 10.0.0.9:443 -> 10.0.0.2:49152"
		citedUDP6 = "UDP [2001:db8::9]:53 -> [2001:db8::2]:49152"
	)
	v4 := func(name string, message []byte, cited string) frame {
		return frame{name: name, bytes: ether4(ip4(1, message)), outer: icmp4, cited: cited, l3: 14, l4: 34}
	}
	v6 := func(name string, message []byte, cited string) frame {
		return frame{name: name, bytes: ether6(ip6(58, message)), outer: icmp6, cited: cited, l3: 14, l4: 54}
	}
	all := []frame{
		v4("echo", icmp(8, sent4(6, tcp(0))), ""),
		v4("echo reply", icmp(0), ""),
		v4("four bytes of ICMP", icmp(3)[:4], ""),
		v4("unreachable", icmp(3, sent4(6, tcp(0))), citedTCP4),
		v4("cites eight bytes", icmp(3, sent4(6, tcp(0)[:8])), citedTCP4),
		v4("cites four bytes", icmp(3, sent4(6, tcp(0)[:4])), citedTCP4),
		v4("cites three bytes", icmp(3, sent4(6, tcp(0)[:3])), ""),
		v4("cites a header alone", icmp(3, sent4(6, nil)), ""),
		v4("cites half a header", icmp(3, sent4(6, nil)[:19]), ""),
		v4("cites nothing", icmp(3), ""),
		v4("cites VXLAN", icmp(3, sent4(17, udpTo(4789, vxlan(ether4(other4()))))),
			"UDP 10.0.0.9:4789 -> 10.0.0.2:50000"),
		v4("cites GRE of IPIP", icmp(3, sent4(47, gre(0x2000, 0x0800, ip4(4, other4())))),
			"protocol 47 10.0.0.9:0 -> 10.0.0.2:0"),
		v4("cites an ICMP error in IPIP", icmp(3, sent4(4, ip4(1, icmp(3, other4()[:9])))),
			"protocol 4 10.0.0.9:0 -> 10.0.0.2:0"),
		v4("cites an echo in IPIP", icmp(3, sent4(4, ip4(1, icmp(8)))), "protocol 4 10.0.0.9:0 -> 10.0.0.2:0"),
		v4("cites a fragment of IPIP", icmp(3, patch(sent4(4, other4()), 6, 0x20, 0)),
			"protocol 4 10.0.0.9:0 -> 10.0.0.2:0"),
		v6("cites 6in6", icmp(2, sent6(41, other6())), "protocol 41 [2001:db8::9]:0 -> [2001:db8::2]:0"),
		v6("cites a fragment of 4in6", icmp(2, sent6(44, frag6(4, 0, true), other4())),
			"protocol 4 [2001:db8::9]:0 -> [2001:db8::2]:0"),
		v4("cites options", icmp(11, patch(ip4Options(make([]byte, 8), 17, udp()), 12, 10, 0, 0, 2, 10, 0, 0, 9)),
			"UDP 10.0.0.9:53 -> 10.0.0.2:49152"),
		v4("cites half of its options", icmp(11, ip4Options(make([]byte, 8), 17, udp())[:24]), ""),
		v4("cites a header too small", icmp(11, patch(sent4(6, tcp(0)), 0, 0x44)), ""),
		v4("cites IPv6", icmp(11, sent6(17, udp())), ""),
		v4("cites a wrong length", icmp(3, patch(sent4(6, tcp(0)), 2, 0, 1)), citedTCP4),
		v4("cites an echo", icmp(3, sent4(1, icmp(8))), "ICMP 10.0.0.9:0 -> 10.0.0.2:0"),
		v4("cites an unknown protocol", icmp(3, sent4(253, nil)), "protocol 253 10.0.0.9:0 -> 10.0.0.2:0"),
		v4("cites a first fragment", icmp(11, patch(sent4(6, tcp(0)), 6, 0x20, 0)), citedTCP4),
		v4("cites a later fragment", icmp(11, patch(sent4(6, tcp(0)), 6, 0, 9)), "TCP 10.0.0.9:0 -> 10.0.0.2:0"),
		v6("echo 6", icmp(128, sent6(17, udp())), ""),
		v6("neighbour solicitation", icmp(135, make([]byte, 16)), ""),
		v6("four bytes of ICMPv6", icmp(2)[:4], ""),
		v6("cites extensions", icmp(2, sent6(0, ext(60, 8), ext(17, 16), udp())), citedUDP6),
		v6("cites half an extension", icmp(2, sent6(0, ext(17, 16), udp())[:50]), ""),
		v6("cites four bytes 6", icmp(2, sent6(17, udp()[:4])), citedUDP6),
		v6("cites three bytes 6", icmp(2, sent6(17, udp()[:3])), ""),
		v6("cites half a header 6", icmp(2, sent6(17)[:39]), ""),
		v6("cites IPv4", icmp(2, sent4(6, tcp(0)), make([]byte, 20)), ""),
		v6("cites a first fragment 6", icmp(2, sent6(44, frag6(60, 0, true), ext(17, 8), udp())), citedUDP6),
		v6("cites a later fragment 6", icmp(2, sent6(44, frag6(17, 9, true), udp())),
			"UDP [2001:db8::9]:0 -> [2001:db8::2]:0"),
		v6("cites an atomic fragment", icmp(2, sent6(44, frag6(17, 0, false), udp())), citedUDP6),
		v6("cites a fragment of a fragment", icmp(2, sent6(44, frag6(44, 0, true), frag6(17, 0, true), udp())), ""),
		v6("cites a later fragment of a fragment", icmp(2, sent6(44, frag6(44, 0, true), frag6(17, 3, true),
			udp())), ""),
		v6("cites 17 extensions", icmp(2, sent6(60, chainOf(17, 17), udp())),
			"protocol 60 [2001:db8::9]:0 -> [2001:db8::2]:0"),
		{name: "ICMPv6 in IPv4", bytes: ether4(ip4(58, icmp(2, sent6(17, udp())))),
			outer: "ICMPv6 10.0.0.1:0 -> 10.0.0.2:0", l3: 14, l4: 34},
		{
			name: "ICMP in IPv6", bytes: ether6(ip6(1, icmp(3, sent4(6, tcp(0))))),
			outer: "ICMP [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345", l3: 14, l4: 54,
		},
		{
			name: "fragment of an ICMP error", bytes: ether4(patch(ip4(1, icmp(3, sent4(6, tcp(0)))), 6, 0x20, 0)),
			outer: icmp4, first: true, fragID: 0xbeef, l3: 14, l4: 34,
		},
		{name: "citation in the padding", bytes: ether4(append(ip4(1, icmp(3)), sent4(6, tcp(0))...)), outer: icmp4,
			l3: 14, l4: 34},
	}
	for _, typ := range []byte{3, 4, 5, 11, 12} {
		all = append(all, v4("error "+strconv.Itoa(int(typ)), icmp(typ, sent4(6, tcp(0))), citedTCP4))
	}
	for _, typ := range []byte{1, 2, 3, 4} {
		all = append(all, v6("error 6 "+strconv.Itoa(int(typ)), icmp(typ, sent6(17, udp())), citedUDP6))
	}
	for _, typ := range []byte{1, 2, 6, 10, 13} {
		all = append(all, v4("no error "+strconv.Itoa(int(typ)), icmp(typ, sent4(6, tcp(0))), ""))
	}
	for _, typ := range []byte{0, 5, 127} {
		all = append(all, v6("no error 6 "+strconv.Itoa(int(typ)), icmp(typ, sent6(17, udp())), ""))
	}
	return all
}

func badFrames() []frame {
	whole4, whole6 := ip4(6, tcp(0)), ip6(6, tcp(0))
	bad := func(name string, bytes []byte, err error, layer hash.Layer, offset int) frame {
		return frame{name: name, bytes: bytes, err: err, layer: layer, offset: offset}
	}
	return []frame{
		bad("IPv4 of 19 bytes", ether4(whole4[:19]), hash.ErrTruncated, hash.LayerIPv4, 14),
		bad("IPv4 of version 5", ether4(patch(whole4, 0, 0x55)), hash.ErrMalformed, hash.LayerIPv4, 14),
		bad("IPv6 as IPv4", ether4(whole6), hash.ErrMalformed, hash.LayerIPv4, 14),
		bad("IHL of four", ether4(patch(whole4, 0, 0x44)), hash.ErrMalformed, hash.LayerIPv4, 14),
		bad("total length below header", ether4(patch(whole4, 2, 0, 19)), hash.ErrMalformed, hash.LayerIPv4, 14),
		bad("total length below options", ether4(patch(ip4Options(make([]byte, 8), 6, tcp(0)), 2, 0, 27)),
			hash.ErrMalformed, hash.LayerIPv4, 14),
		bad("total length beyond the frame", ether4(patch(whole4, 2, 0, 45)), hash.ErrTruncated, hash.LayerIPv4, 14),
		bad("options cut", ether4(ip4Options(make([]byte, 8), 6, tcp(0))[:27]), hash.ErrTruncated, hash.LayerIPv4, 14),
		bad("options cut, length zero", ether4(patch(ip4Options(make([]byte, 8), 6, nil), 2, 0, 0)[:27]),
			hash.ErrTruncated, hash.LayerIPv4, 14),
		bad("IPv6 of 39 bytes", ether6(whole6[:39]), hash.ErrTruncated, hash.LayerIPv6, 14),
		bad("IPv6 of version 4", ether6(patch(whole6, 0, 0x4f)), hash.ErrMalformed, hash.LayerIPv6, 14),
		bad("payload beyond the frame", ether6(patch(whole6, 4, 0, 25)), hash.ErrTruncated, hash.LayerIPv6, 14),
	}
}

// shortFrames are sound packets that end in a header which a router does not
// need: their flow has what is there.
func shortFrames() []frame {
	const (
		v4 = " 10.0.0.1:0 -> 10.0.0.2:0"
		v6 = " [2001:db8::1]:0 -> [2001:db8::2]:0 label 0x12345"
	)
	in4 := func(name string, proto byte, payload []byte, outer string) frame {
		return frame{name: name, bytes: ether4(ip4(proto, payload)), outer: outer, l3: 14, l4: 34}
	}
	in6 := func(name string, next byte, l4 int, outer string, payload ...[]byte) frame {
		return frame{name: name, bytes: ether6(ip6(next, payload...)), outer: outer, l3: 14, l4: l4}
	}
	return []frame{
		{name: "transport in the padding", bytes: ether4(patch(ip4(6, tcp(hash.ACK)), 2, 0, 39)), outer: tcp4, l3: 14,
			l4: 34},
		in4("TCP of 19 bytes", 6, tcp(hash.FIN)[:19], tcp4),
		in4("TCP of 4 bytes", 6, tcp(0)[:4], tcp4),
		in4("TCP of 3 bytes", 6, tcp(0)[:3], "TCP"+v4),
		in4("TCP of nothing", 6, nil, "TCP"+v4),
		in6("TCP6 of 19 bytes", 0, 62, tcp6, ext(6, 8), tcp(0)[:19]),
		in4("UDP of 7 bytes", 17, udp()[:7], udp4),
		in4("UDP of 3 bytes", 17, udp()[:3], "UDP"+v4),
		in6("UDP6 of 7 bytes", 17, 54, udp6, udp()[:7]),
		in4("VXLAN, UDP of 7 bytes", 17, udpTo(4789)[:7], "UDP 10.0.0.1:50000 -> 10.0.0.2:4789"),
		in4("UDP-Lite of 7 bytes", 136, udp()[:7], "UDPLite 10.0.0.1:49152 -> 10.0.0.2:53"),
		in4("SCTP of 11 bytes", 132, sctp()[:11], "SCTP 10.0.0.1:36412 -> 10.0.0.2:38412"),
		in4("DCCP of 11 bytes", 33, dccp()[:11], "DCCP 10.0.0.1:5001 -> 10.0.0.2:5002"),
		in4("ICMP of 3 bytes", 1, icmp(3)[:3], icmp4),
		in4("ICMP of nothing", 1, nil, icmp4),
		in4("echo of 5 bytes", 1, icmp(8)[:5], icmp4),
		in6("ICMPv6 of 3 bytes", 58, 54, icmp6, icmp(2)[:3]),
		in4("ESP of 7 bytes", 50, udp()[:7], "protocol 50"+v4),
		in4("ESP of 3 bytes", 50, udp()[:3], "protocol 50"+v4),
		in4("AH of 11 bytes", 51, ah(6, 12)[:11], "protocol 51"+v4),
		in4("AH of 7 bytes", 51, ah(6, 12)[:7], "protocol 51"+v4),
		in6("17 extensions", 60, 54+128, "protocol 60"+v6, chainOf(17, 6), tcp(0)),
		in6("1,488 bytes of extensions", 60, 70, "protocol 60"+v6, ext(60, 16), ext(17, 1472), udp()),
		in6("extension of one byte", 0, 54, "protocol 0"+v6, bytesOf(6)),
		in6("extension cut", 0, 54, "protocol 0"+v6, ext(6, 16)[:15]),
		in6("second extension cut", 0, 70, "protocol 60"+v6, ext(60, 16), ext(6, 8)[:7]),
		in6("second extension missing", 0, 70, "protocol 60"+v6, ext(60, 16)),
		in6("fragment header cut", 44, 54, "protocol 44"+v6, frag6(6, 9, true)[:7]),
		in6("AH cut", 51, 54, "protocol 51"+v6, ah(6, 24)[:23]),
		in6("AH cut before its SPI", 51, 54, "protocol 51"+v6, ah(6, 24)[:7]),
		{name: "extension in the padding", bytes: append(ether6(ip6(0, ext(60, 8))), ext(59, 8)...),
			outer: "protocol 60" + v6, l3: 14, l4: 62},
	}
}
