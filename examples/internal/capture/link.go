package capture

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A LinkType says what a captured packet begins with. The numbers are those of
// https://www.tcpdump.org/linktypes.html, in the low 16 bits.
type LinkType uint16

// The link types that are served. Several numbers stand for raw IP.
const (
	linkNull         LinkType = 0   // loopback of BSD and macOS, family in the host's order
	linkEthernet     LinkType = 1   //
	linkPPP          LinkType = 9   //
	linkRawBSD       LinkType = 12  // IPv4 or IPv6
	linkRawOpenBSD   LinkType = 14  //
	linkPPPSerial    LinkType = 50  // PPP or Cisco HDLC
	linkPPPEther     LinkType = 51  // PPPoE session
	linkRaw          LinkType = 101 //
	linkCiscoHDLC    LinkType = 104 //
	linkLoop         LinkType = 108 // loopback of OpenBSD, family in network order
	linkSLL          LinkType = 113 // Linux cooked
	linkPPPD         LinkType = 166 // PPP with a direction in the place of the address
	linkPPPWithDir   LinkType = 204 // PPP behind a byte of direction
	linkIPv4         LinkType = 228 //
	linkIPv6         LinkType = 229 //
	linkSLL2         LinkType = 276 // Linux cooked, version 2
	etherTypeIPv4             = 0x0800
	etherTypeIPv6             = 0x86dd
	etherTypePPPoE            = 0x8864
	etherTypeMPLS             = 0x8847
	etherTypeMPLSMul          = 0x8848
	etherTypeNone             = 0 // no IP packet
)

// linkNames are the names of link types, of those too that are often met and
// are not served.
var linkNames = map[LinkType]string{ //nolint:gochecknoglobals // read-only
	linkNull: "BSD loopback", linkEthernet: "Ethernet", linkPPP: "PPP", linkRawBSD: "raw IP",
	linkRawOpenBSD: "raw IP", linkPPPSerial: "PPP over serial", linkPPPEther: "PPPoE", linkRaw: "raw IP",
	linkCiscoHDLC: "Cisco HDLC", linkLoop: "OpenBSD loopback", linkSLL: "Linux cooked",
	linkPPPD: "PPP of pppd", linkPPPWithDir: "PPP with direction", linkIPv4: "IPv4", linkIPv6: "IPv6",
	linkSLL2: "Linux cooked v2",
	6:        "Token Ring", 10: "FDDI", 11: "ATM", 105: "802.11", 107: "Frame Relay", 119: "802.11 with Prism",
	127: "802.11 with radiotap", 187: "Bluetooth", 189: "USB", 192: "PPI", 220: "USB of Linux", 249: "USB of Windows",
	253: "netlink",
}

func (l LinkType) String() string {
	if name, ok := linkNames[l]; ok {
		return fmt.Sprintf("%d (%s)", uint16(l), name)
	}
	return fmt.Sprint(uint16(l))
}

// served reports whether packets of this type can be read.
func (l LinkType) served() bool {
	return slices.Contains([]LinkType{
		linkNull, linkEthernet, linkPPP, linkRawBSD, linkRawOpenBSD, linkPPPSerial, linkPPPEther, linkRaw,
		linkCiscoHDLC, linkLoop, linkSLL, linkPPPD, linkPPPWithDir, linkIPv4, linkIPv6, linkSLL2,
	}, l)
}

// ethernet returns a packet, which stands behind room bytes in data, as an
// Ethernet frame. A header that is cut short becomes one of no known protocol.
func (l LinkType) ethernet(data []byte) []byte {
	packet := data[room:]
	var etherType uint16
	header := 0
	switch l {
	case linkEthernet:
		return packet
	case linkNull, linkLoop:
		etherType, header = loopback(packet)
	case linkSLL:
		etherType, header = at(packet, 14), 16
	case linkSLL2:
		etherType, header = at(packet, 0), 20
	case linkCiscoHDLC:
		etherType, header = at(packet, 2), 4
	case linkPPP, linkPPPSerial, linkPPPD, linkPPPWithDir:
		etherType, header = ppp(l, packet)
	case linkPPPEther:
		etherType = etherTypePPPoE
	default:
		etherType = rawIP(packet)
	}
	if header > len(packet) {
		etherType, header = etherTypeNone, len(packet)
	}
	frame := data[header:]
	clear(frame[:12])
	binary.BigEndian.PutUint16(frame[12:], etherType)
	return frame
}

// at returns the two bytes at an offset in network order, or 0.
func at(packet []byte, offset int) uint16 {
	if len(packet) < offset+2 {
		return 0
	}
	return binary.BigEndian.Uint16(packet[offset:])
}

// rawIP returns the type of an IP packet by its version.
func rawIP(packet []byte) uint16 {
	if len(packet) > 0 {
		switch packet[0] >> 4 {
		case 4:
			return etherTypeIPv4
		case 6:
			return etherTypeIPv6
		}
	}
	return etherTypeNone
}

// loopback returns the type of a packet behind four bytes with its address
// family, in either byte order. Systems number IPv6 differently.
func loopback(packet []byte) (etherType uint16, header int) {
	const size = 4
	if len(packet) < size {
		return etherTypeNone, size
	}
	family := binary.LittleEndian.Uint32(packet)
	if family > 0xffff {
		family = binary.BigEndian.Uint32(packet)
	}
	switch family {
	case 2:
		return etherTypeIPv4, size
	case 10, 24, 28, 30: // Linux, NetBSD and OpenBSD, FreeBSD, macOS
		return etherTypeIPv6, size
	}
	return etherTypeNone, size
}

// ppp returns the type of a packet behind a PPP header. Its address and control
// bytes may be left out, and its protocol may take one byte.
func ppp(l LinkType, packet []byte) (etherType uint16, header int) {
	if l == linkPPPWithDir {
		header = 1
	}
	switch start := at(packet, header); {
	case start == 0xff03, l == linkPPPD && start&0xfeff == 0x0003:
		header += 2
	case start == 0x0f00 || start == 0x8f00: // Cisco HDLC
		return at(packet, header+2), header + 4
	}
	protocol := at(packet, header)
	if protocol>>8&1 == 1 { // the first byte is the whole protocol
		protocol >>= 8
		header--
	}
	header += 2
	switch protocol {
	case 0x0021:
		return etherTypeIPv4, header
	case 0x0057:
		return etherTypeIPv6, header
	case 0x0281:
		return etherTypeMPLS, header
	case 0x0283:
		return etherTypeMPLSMul, header
	}
	return etherTypeNone, header
}
