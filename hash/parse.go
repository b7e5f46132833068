package hash

import "encoding/binary"

const (
	ethernetSize = 14
	vlanSize     = 4
	maxTags      = 8

	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100
	etherQinQ   = 0x88a8
	etherOldTag = 0x9100 // QinQ before 802.1ad
)

// Parse reads the headers of an Ethernet II frame, without preamble and with or without a frame check sequence, into h.
// It steps over up to eight 802.1Q and 802.1ad tags (EtherTypes 8100, 88a8 and 9100), and then reads as [ParseIP] does.
// Offsets in h and in errors count from the start of the frame.
//
// It returns [ErrNotIP] for a frame that is whole but carries something else, such as ARP, LLDP or 802.3 with a length
// field, and a [*ParseError] for one that is truncated or malformed. h is then the zero Headers.
func Parse(frame []byte, h *Headers) error {
	if len(frame) < ethernetSize {
		return fail(h, shortEthernet, 0)
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		return parseIPv4(frame, ethernetSize, h)
	case etherIPv6:
		return parseIPv6(frame, ethernetSize, h)
	case etherVLAN, etherQinQ, etherOldTag:
		return parseTagged(frame, h)
	}
	*h = Headers{}
	return ErrNotIP
}

// parseTagged reads a frame with at least one tag. A tag is taken to start at its EtherType.
func parseTagged(frame []byte, h *Headers) error {
	tag := ethernetSize - 2
	for range maxTags {
		if len(frame) < tag+vlanSize+2 {
			return fail(h, shortVLAN, tag)
		}
		next := tag + vlanSize
		switch binary.BigEndian.Uint16(frame[next:]) {
		case etherIPv4:
			return parseIPv4(frame, next+2, h)
		case etherIPv6:
			return parseIPv6(frame, next+2, h)
		case etherVLAN, etherQinQ, etherOldTag:
			tag = next
		default:
			*h = Headers{}
			return ErrNotIP
		}
	}
	return fail(h, deepVLAN, tag)
}

// ParseIP reads the headers of an IPv4 or IPv6 packet into h. Offsets in h and in errors count from the start of the
// packet.
//
// IPv4 options are stepped over. So are the IPv6 extension headers hop-by-hop, routing, destination options,
// authentication and, for whole packets, fragment, in any order; up to 16 of them, and as far as the header behind
// them starts within the first 1,534 bytes of the slice. (IPv4 with an authentication header has protocol 51 and no ports.)
//
// Bytes beyond the length that the IP header gives are padding and not looked at; a packet that is shorter than its header
// says is truncated. A length of zero, as found in packets that a network card has yet to segment or has merged, and in
// jumbograms, stands for all the bytes there are.
//
// TCP, UDP, UDP-Lite, SCTP and DCCP have ports, and their fixed header must be there as a whole. Other protocols have none.
// Of an ICMP error, the flow that it cites is read too: see [Headers]. The length fields in what is cited are ignored, as
// routers cut and change it.
//
// The errors are those of [Parse]; ErrNotIP is for a version that is neither 4 nor 6. Time is constant but for
// extension headers, and memory nothing.
func ParseIP(packet []byte, h *Headers) error {
	if len(packet) == 0 {
		return fail(h, shortIP, 0)
	}
	switch packet[0] >> 4 {
	case 4:
		return parseIPv4(packet, 0, h)
	case 6:
		return parseIPv6(packet, 0, h)
	}
	*h = Headers{}
	return ErrNotIP
}

// setFlow makes the words those of the flow of h. They come one by one because the compiler keeps a whole FlowKey in
// memory, where it writes words and then copies them two at a time, for which the processor has to wait. The caller
// completes h by setRest; they are two functions so that both are small enough to be inlined.
func (h *Headers) setFlow(src0, src1, dst0, dst1, rest uint64) {
	h.Outer.src0, h.Inner.src0 = src0, src0
	h.Outer.src1, h.Inner.src1 = src1, src1
	h.Outer.dst0, h.Inner.dst0 = dst0, dst0
	h.Outer.dst1, h.Inner.dst1 = dst1, dst1
	h.Outer.rest, h.Inner.rest = rest, rest
}

// setRest sets what setFlow does not, as it is for a packet that is neither a fragment nor an ICMP error.
func (h *Headers) setRest(proto uint8, tcp TCPFlags, l3, l4 int) {
	h.Cited = FlowKey{}
	h.FragID = 0
	h.L3Offset, h.L4Offset = uint16(l3), uint16(l4)
	h.Proto, h.InnerProto = proto, proto
	h.TCPFlags, h.InnerFlags = tcp, tcp
	h.ICMPError, h.FragFirst, h.FragLater = false, false, false
}
