package hash

import "encoding/binary"

const (
	ethernetSize = 14

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// Parse reads the headers of an Ethernet II frame, without preamble and with or
// without a frame check sequence, into h. It finds IP behind up to eight 802.1Q
// and 802.1ad tags (EtherTypes 8100, 88a8 and 9100), in a PPPoE session, and
// behind MPLS stacks of up to 16 labels: IPv4 or IPv6 by the first four bits of
// what follows, and Ethernet again behind the control word of a pseudo-wire
// (RFC 4385), where these are zero. A pseudo-wire without control word cannot
// be told from IP, if the first address in it starts with the digit 4 or 6 (RFC
// 4928). Then Parse reads as [ParseIP] does. Offsets in h and in errors count
// from the start of the frame.
//
// It returns [ErrNotIP] for a frame that is whole but carries something else,
// such as ARP, LLDP, 802.3 with a length field, or PPP that sets up a session,
// and a [*ParseError] for one that is truncated or malformed. h is then the
// zero Headers.
func Parse(frame []byte, h *Headers) error { return defaultPorts.parse(frame, 0, h) }

// ParseSnapped is Parse of a frame of which only the start is here, as in an
// sFlow sample or a packet ring with a snap length. Length is what the frame had
// on the wire. What ParseSnapped returns is what Parse returns for the whole
// frame, or an error with [ErrTruncated] if a header that counts is not here. If
// it is one inside a tunnel, [Headers.InnerErr] says so.
func ParseSnapped(frame []byte, length int, h *Headers) error {
	return Parser{}.ParseSnapped(frame, length, h)
}

// A Parser parses with ports of tunnels of the caller's. The functions Parse and
// ParseIP are the methods of the zero Parser.
type Parser struct {
	Ports TunnelPorts
}

// Parse is [Parse] with the ports of p.
func (p Parser) Parse(frame []byte, h *Headers) error { return p.Ports.orDefault().parse(frame, 0, h) }

// ParseIP is [ParseIP] with the ports of p.
func (p Parser) ParseIP(packet []byte, h *Headers) error {
	return p.Ports.orDefault().parseIP(packet, 0, h)
}

// ParseSnapped is [ParseSnapped] with the ports of p.
func (p Parser) ParseSnapped(frame []byte, length int, h *Headers) error {
	frame, missing := snapped(frame, length)
	return p.Ports.orDefault().parse(frame, missing, h)
}

// ParseIPSnapped is ParseSnapped for an IP packet.
func (p Parser) ParseIPSnapped(packet []byte, length int, h *Headers) error {
	packet, missing := snapped(packet, length)
	return p.Ports.orDefault().parseIP(packet, missing, h)
}

// snapped returns what is here of a packet, and how many bytes are missing.
func snapped(packet []byte, length int) (here []byte, missing int) {
	if length <= len(packet) {
		return packet[:max(length, 0)], 0
	}
	return packet, length - len(packet)
}

// parse is Parse with the ports of t. Missing is how many bytes there were
// behind the frame on the wire.
func (t *portTable) parse(frame []byte, missing int, h *Headers) error {
	if len(frame) < ethernetSize {
		return fail(h, shortEthernet, 0)
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		return t.parseIPv4(frame, missing, ethernetSize, h)
	case etherIPv6:
		return t.parseIPv6(frame, missing, ethernetSize, h)
	case etherVLAN:
		const size = ethernetSize + vlanSize
		if len(frame) < size {
			break
		}
		switch binary.BigEndian.Uint16(frame[size-2:]) {
		case etherIPv4:
			return t.parseIPv4(frame, missing, size, h)
		case etherIPv6:
			return t.parseIPv6(frame, missing, size, h)
		}
	}
	return t.parseLink(frame, missing, h)
}

// parseLink reads a frame with more than Ethernet below IP.
func (t *portTable) parseLink(frame []byte, missing int, h *Headers) error {
	var l link
	l.walk(frame, missing, binary.BigEndian.Uint16(frame[12:]), ethernetSize)
	if l.fault != 0 {
		return fail(h, l.fault, l.at)
	}
	var err error
	switch l.version {
	case 4:
		err = t.parseIPv4(frame[:l.end], l.missing, l.at, h)
	case 6:
		err = t.parseIPv6(frame[:l.end], l.missing, l.at, h)
	default:
		*h = Headers{}
		return ErrNotIP
	}
	if err == nil {
		h.EntropyLabel, h.Encapsulated = l.entropy, l.mpls || l.pppoe
	}
	return err
}

// ParseIP reads the headers of an IPv4 or IPv6 packet into h. Offsets in h and
// in errors count from the start of the packet.
//
// IPv4 options are stepped over. So are the IPv6 extension headers hop-by-hop,
// routing, destination options, authentication and, for whole packets,
// fragment, in any order. IPv4 with an authentication header has protocol 51.
//
// Bytes beyond the length that the IP header gives are padding and not looked
// at; a packet that is shorter than its header says is truncated. A length of
// zero, as found in packets that a network card has yet to segment or has
// merged, and in jumbograms, stands for all the bytes there are.
//
// TCP, UDP, UDP-Lite, SCTP and DCCP have ports, other protocols none. Of an ICMP
// error, the flow that it cites is read too: see [Headers]. The length fields in
// what is cited are ignored, as routers cut and change it.
//
// What a router does not need is no error. A packet that ends in its transport
// header has the ports if these are there, and no TCP flags. One that ends in an
// extension header, has more than 16 of them, or more than 1,534 bytes in front
// of the next, is of the protocol of that extension header and has no ports.
//
// Tunnels are followed to the innermost flow: IP in IP in all four
// combinations, GRE (with checksum, key and sequence number, also the version
// of PPTP) over IP, Ethernet or MPLS, and on UDP by destination port VXLAN,
// Geneve, GTP-U, MPLS and GRE (see [DefaultTunnelPorts]). Up to eight of them
// are, as far as the payload of each starts within the first 1,024 bytes. A
// fragment is not looked into. What is wrong inside a tunnel is no error of the
// packet: see [Headers.InnerErr].
//
// The errors are those of [Parse]; ErrNotIP is for a version that is neither 4
// nor 6. Time is bounded whatever is in the packet and however long it is, by
// about a hundred times that of a plain one; memory is none.
func ParseIP(packet []byte, h *Headers) error { return defaultPorts.parseIP(packet, 0, h) }

// parseIP is ParseIP with the ports of t.
func (t *portTable) parseIP(packet []byte, missing int, h *Headers) error {
	if len(packet) == 0 {
		return fail(h, shortIP, 0)
	}
	switch packet[0] >> 4 {
	case 4:
		return t.parseIPv4(packet, missing, 0, h)
	case 6:
		return t.parseIPv6(packet, missing, 0, h)
	}
	*h = Headers{}
	return ErrNotIP
}
