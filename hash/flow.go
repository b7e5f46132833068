package hash

// A Flow is what a router needs to know of a packet: which flow it is of, and
// where its headers are. It has 16 bytes and no pointers.
//
// L3 and TTL are those of the outermost IP header, which is the one that a
// router changes. L4, Proto and Flags are those of the flow that is hashed: of
// the outermost header, or under [Inner] of the innermost one. All but Kind is
// zero where Kind has NotIP or Damaged.
type Flow struct {
	Hash  uint64   // by the Reader's Policy: 64 good bits
	L3    uint16   // where the outermost IP header starts; as Headers.L3Offset
	L4    uint16   // where the header that Proto names starts; as Headers.L4Offset
	Proto uint8    // as Headers.Proto
	Flags TCPFlags // of TCP; as Headers.TCPFlags
	TTL   uint8    // time to live, or the hop limit of IPv6
	Kind  Kind
}

// Kind says what kind of packet a [Flow] is of. It is a set of bits.
type Kind uint8

// The kinds of packets. A plain packet has IPv6 alone or nothing.
const (
	// IPv6 says that the outermost IP header is one of IPv6.
	IPv6 Kind = 1 << iota

	// LookupOnly says that the packet belongs to the flow but is not one of the
	// flow's own: an ICMP error about it, or a fragment, which has no ports. A
	// flow table looks the flow up for it, and neither adds nor refreshes it.
	LookupOnly

	// Encapsulated is Headers.Encapsulated: MPLS or PPPoE is in front of IP.
	Encapsulated

	// NotIP says that the frame is sound but carries no IP (ErrNotIP).
	NotIP

	// Damaged says that the frame is cut or malformed, so that a router must
	// drop it. Reader.Err says how.
	Damaged

	// Special says that there is more to know than fits here, and that
	// Reader.Headers has it. Every packet that is not plain is Special: plain
	// is a whole packet without options and extension headers, behind Ethernet
	// with at most one 802.1Q tag, of a protocol with ports, with 40 bytes of
	// IPv4 or 60 of IPv6 and padding, and under Inner not to the port of a
	// tunnel. With an Extractor of the caller's, or a Hasher that needs
	// Headers, all packets are Special.
	Special
)

// String returns the names of the bits that are set, such as
// "IPv6|LookupOnly|Special", and "none" if there are none.
func (k Kind) String() string {
	return setNames(uint16(k), []string{"IPv6", "LookupOnly", "Encapsulated", "NotIP", "Damaged", "Special"})
}
