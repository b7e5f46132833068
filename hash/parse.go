package hash

import "encoding/binary"

const (
	ethernetSize = 14

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// Parse reads the headers of an Ethernet II frame, without preamble and with or
// without a frame check sequence, into h. It finds IP behind up to eight 802.1Q
// and 802.1ad tags (EtherTypes 8100, 88a8 and 9100) and tags of HSR and PRP, in
// a PPPoE session, and behind MPLS stacks of up to 16 labels: IPv4 or IPv6 by
// the first four bits of what follows, and Ethernet again behind the control
// word of a pseudo-wire (RFC 4385), where these are zero. A pseudo-wire without
// control word cannot be told from IP, if the first address in it starts with
// the digit 4 or 6 (RFC 4928). Then Parse reads as [ParseIP] does. Offsets in h
// and in errors count from the start of the frame.
//
// It returns [ErrNotIP] for a frame that is whole but carries something else,
// such as ARP, LLDP, 802.3 with a length field, or PPP that sets up a session,
// and a [*ParseError] for one that is truncated or malformed. h is then the
// zero Headers.
func Parse(frame []byte, h *Headers) error { return defaultPorts.parse(frame, 0, h) }

// ParseSnapped is Parse of a frame of which only the start is here, as in an
// sFlow sample or a packet ring with a snap length. Length is what the frame
// had on the wire. What ParseSnapped returns is what Parse returns for the
// whole frame, or an error with [ErrTruncated] if a header that counts is not
// here. If it is one inside a tunnel, [Headers.InnerErr] says so.
func ParseSnapped(frame []byte, length int, h *Headers) error {
	return Parser{}.ParseSnapped(frame, length, h)
}

// A Parser parses with ports of tunnels of the caller's. The functions Parse
// and ParseIP are the methods of the zero Parser.
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
// in errors count from the start of the packet. The package documentation says
// which headers are read, and what is refused.
//
// The errors are those of [Parse]; ErrNotIP is for a version that is neither 4
// nor 6. What is wrong inside a tunnel is no error of the packet: see
// [Headers.InnerErr]. Time is bounded, by about a hundred times that of a plain
// packet: see bounds.md. Memory is none.
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
