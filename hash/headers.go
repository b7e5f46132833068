package hash

import "strings"

// Headers is what [Parse] found in one packet. The caller owns it and reuses
// it; Parse writes every field, and leaves the zero Headers when it fails.
//
// The Inner fields are about the innermost IP header of a tunnelled packet.
// Without a tunnel, and for tunnels that Parse does not look into, they equal
// those of the outer one.
type Headers struct {
	// Parsing a packet is little more than writing this, so fields that are
	// written together stand together.

	// Outer is the flow of the outermost IP header, with the IPv6 flow label.
	// Ports are zero where the protocol has none and for every fragment, so
	// that all fragments of a datagram have one key.
	Outer FlowKey

	// Inner is the flow of the innermost IP header.
	Inner FlowKey

	// Cited is the flow that an ICMP error is about, in the direction of the
	// error's receiver: the flow of the packet that the error quotes, reversed.
	// A server that gets "packet too big" about a packet that it sent to a
	// client sees here the flow from that client to itself, so that the error
	// can follow the client's own packets (RFC 7690). The flow label is zero.
	// It is the zero FlowKey unless ICMPError or InnerICMPError is set.
	Cited FlowKey

	// CitedInner is the innermost flow of the packet that the error quotes,
	// reversed likewise: the flow inside a tunnel, if the quote reaches so far,
	// and else Cited.
	CitedInner FlowKey

	// kernel is what Linux sees where that is none of the flows above; view
	// says what.
	kernel FlowKey

	// FragID is the identification of a fragment: 16 bits for IPv4, 32 bits for
	// IPv6. It is zero unless FragFirst or FragLater is set.
	FragID uint32

	// SPI is the security parameters index of the outermost flow, if that is
	// ESP or, in IPv4, has an authentication header. In IPv6 that is an
	// extension header, which is stepped over. It is zero for other packets and
	// for fragments.
	SPI uint32

	// InnerSPI is that of the innermost flow.
	InnerSPI uint32

	// TunnelID is what the innermost tunnel that has such a thing is called:
	// the VNI of VXLAN and Geneve (24 bits), the TEID of GTP-U, the key of GRE.
	TunnelID uint32

	// EntropyLabel is the label of 20 bits that an MPLS stack in front of the
	// outermost IP header carries for load balancing alone, behind the label 7
	// (RFC 6790). It is zero if there is none.
	EntropyLabel uint32

	// EchoID is the identifier of an ICMP echo request or reply of the
	// outermost flow, or of the one that the ICMP error cites. It is zero for
	// other packets and for fragments.
	EchoID uint16

	// InnerEchoID is that of the innermost flow.
	InnerEchoID uint16

	// L3Offset is where the outermost IP header starts in the slice that was
	// parsed. The TTL of IPv4 is 8 bytes and its checksum 10 bytes further, the
	// hop limit of IPv6 7 bytes.
	L3Offset uint16

	// L4Offset is where the header that Proto names starts, or, in a later
	// fragment, the data of the fragment. It is at most the length of the
	// slice.
	L4Offset uint16

	// InnerL3Offset is where the innermost IP header starts.
	InnerL3Offset uint16

	// InnerL4Offset is where the header that InnerProto names starts.
	InnerL4Offset uint16

	// Proto is the protocol behind the outermost IP header and the IPv6
	// extension headers that follow it: 6 is TCP. For an IPv6 fragment it is
	// the protocol named by the fragment header, the same for all fragments of
	// a datagram.
	Proto uint8

	// InnerProto is the protocol behind the innermost IP header.
	InnerProto uint8

	// NextHeader is the protocol that the outermost IP header itself names:
	// Proto, unless IPv6 extension headers follow.
	NextHeader uint8

	// TCPFlags are those of the outermost flow; zero unless it is TCP with a
	// whole header and the packet is no fragment.
	TCPFlags TCPFlags

	// InnerFlags are those of the innermost flow.
	InnerFlags TCPFlags

	// Tunnels is the number of tunnels between the outermost and the innermost
	// IP header, at most 8.
	Tunnels uint8

	view kernelView

	// innerFault is what InnerErr returns, and innerAt where.
	innerFault fault
	innerAt    uint16

	// Encapsulated says that the outermost IP header does not stand directly
	// behind Ethernet and its tags, but behind MPLS labels or in a PPPoE
	// session: a router that knows IP alone must not forward the frame as it
	// is.
	Encapsulated bool

	// ICMPError says that the packet is an ICMP error and that Cited holds the
	// flow that it is about. An error that quotes too little, or what is not
	// IP, is an ordinary ICMP packet here.
	ICMPError bool

	// InnerICMPError says so of the innermost packet.
	InnerICMPError bool

	// FragFirst marks the first fragment of a datagram: offset zero, and more
	// to come. An IPv6 packet with a fragment header of offset zero and nothing
	// to come is a whole packet, not a fragment (RFC 6946).
	FragFirst bool

	// FragLater marks the other fragments: offset not zero.
	FragLater bool

	// InnerFragment says that the innermost packet is a fragment, first or
	// later.
	InnerFragment bool
}

// InnerErr returns what is wrong inside a tunnel: a [*ParseError] that names
// the header and where it starts, or nil. Parse reports that here, and not as
// its own error, because the outer packet is sound: a router has to forward it,
// and what UDP carries to the port of a tunnel need not be one. The Inner
// fields are then those of the last IP header that was sound.
func (h *Headers) InnerErr() error {
	if h.innerFault == 0 {
		return nil
	}
	return &parseErrors[h.innerFault][h.innerAt]
}

// TCPFlags are the eight flags of a TCP header, as they stand in its byte 13.
type TCPFlags uint8

// The flags of TCP (RFC 9293 section 3.1).
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// String returns the names of the flags that are set, such as "SYN|ACK", and
// "none" if there are none.
func (f TCPFlags) String() string {
	return setNames(uint16(f), []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"})
}

// setNames returns the names of the bits that are set, lowest first.
func setNames(set uint16, names []string) string {
	if set == 0 {
		return "none"
	}
	var b strings.Builder
	for i, name := range names {
		if set>>i&1 == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(name)
	}
	return b.String()
}
