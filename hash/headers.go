package hash

import "strings"

// Headers is what [Parse] found in one packet. The caller owns it and reuses it; Parse writes every field, and leaves the
// zero Headers when it fails.
//
// The Inner fields are about the innermost IP header of a tunnelled packet. Without a tunnel, and for tunnels that
// Parse does not look into, they equal those of the outer one.
type Headers struct {
	// Outer is the flow of the outermost IP header, with the IPv6 flow label. Ports are zero where the protocol has none and
	// for every fragment, so that all fragments of a datagram have one key.
	Outer FlowKey

	// Inner is the flow of the innermost IP header.
	Inner FlowKey

	// Cited is the flow that an ICMP error is about, in the direction of the error's receiver: the flow of the packet
	// that the error quotes, reversed. A server that gets "packet too big" about a packet that it sent to a client sees
	// here the flow from that client to itself, so that the error can follow the client's own packets (RFC 7690). The
	// flow label is zero. It is the zero FlowKey unless ICMPError is set.
	Cited FlowKey

	// FragID is the identification of a fragment: 16 bits for IPv4, 32 bits for IPv6. It is zero unless FragFirst or
	// FragLater is set.
	FragID uint32

	// L3Offset is where the outermost IP header starts in the slice that was parsed. The TTL of IPv4 is 8 bytes and its
	// checksum 10 bytes further, the hop limit of IPv6 7 bytes.
	L3Offset uint16

	// L4Offset is where the header that Proto names starts, or, in a later fragment, the data of the fragment. It is
	// at most the length of the slice.
	L4Offset uint16

	// Proto is the protocol behind the outermost IP header and the IPv6 extension headers that follow it: 6 is TCP. For
	// an IPv6 fragment it is the protocol named by the fragment header, the same for all fragments of a datagram.
	Proto uint8

	// InnerProto is the protocol behind the innermost IP header.
	InnerProto uint8

	// TCPFlags are those of the outermost flow; zero unless it is TCP and the packet is no fragment.
	TCPFlags TCPFlags

	// InnerFlags are those of the innermost flow.
	InnerFlags TCPFlags

	// ICMPError says that the packet is an ICMP error and that Cited holds the flow that it is about. An error that quotes
	// too little, or what is not IP, is an ordinary ICMP packet here.
	ICMPError bool

	// FragFirst marks the first fragment of a datagram: offset zero, and more to come. An IPv6 packet with a fragment header
	// of offset zero and nothing to come is a whole packet, not a fragment (RFC 6946).
	FragFirst bool

	// FragLater marks the other fragments: offset not zero.
	FragLater bool
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

// String returns the names of the flags that are set, such as "SYN|ACK", and "none" if there are none.
func (f TCPFlags) String() string {
	return setNames(uint8(f), [8]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"})
}

// setNames returns the names of the bits that are set, lowest first.
func setNames(set uint8, names [8]string) string {
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
