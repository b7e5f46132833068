package hash

import (
	"errors"
	"strconv"
)

// What can be wrong with a packet, to be matched by errors.Is. ErrNotIP is
// returned as it is: there is nothing wrong with such a frame. The others come
// as a [*ParseError].
var (
	ErrNotIP     = errors.New("hash: not an IP packet")
	ErrTruncated = errors.New("truncated")
	ErrMalformed = errors.New("malformed")
	ErrTooDeep   = errors.New("too many headers")
)

// A Layer is a kind of header in a packet.
type Layer uint8

// The layers that an error can name.
const (
	LayerEthernet  Layer = iota + 1
	LayerVLAN            // an 802.1Q or 802.1ad tag
	LayerIP              // IP of unknown version
	LayerIPv4            // the IPv4 header with its options
	LayerIPv6            // the fixed IPv6 header
	LayerExtension       // an IPv6 extension header
	LayerTCP
	LayerUDP // and UDP-Lite
	LayerSCTP
	LayerDCCP
	LayerICMP // and ICMPv6
	LayerESP
	LayerAH         // behind IPv4; behind IPv6 it is an extension header
	LayerMPLS       // a label
	LayerPseudowire // the control word behind a stack of labels
	LayerPPPoE
	LayerGRE
	LayerVXLAN
	LayerGeneve
	LayerGTPU
	LayerTunnel // whatever encapsulates, where there are too many of them or they reach too far
)

// String returns the name of the layer.
func (l Layer) String() string {
	switch l {
	case LayerEthernet:
		return "Ethernet"
	case LayerVLAN:
		return "VLAN"
	case LayerIP:
		return "IP"
	case LayerIPv4:
		return "IPv4"
	case LayerIPv6:
		return "IPv6"
	case LayerExtension:
		return "IPv6 extension"
	case LayerTCP:
		return "TCP"
	case LayerUDP:
		return "UDP"
	case LayerSCTP:
		return "SCTP"
	case LayerDCCP:
		return "DCCP"
	case LayerICMP:
		return "ICMP"
	case LayerESP:
		return "ESP"
	case LayerAH:
		return "AH"
	case LayerMPLS:
		return "MPLS"
	case LayerPseudowire:
		return "pseudo-wire"
	case LayerPPPoE:
		return "PPPoE"
	case LayerGRE:
		return "GRE"
	case LayerVXLAN:
		return "VXLAN"
	case LayerGeneve:
		return "Geneve"
	case LayerGTPU:
		return "GTP-U"
	case LayerTunnel:
		return "tunnel"
	}
	return "layer " + strconv.Itoa(int(l))
}

// A ParseError says which header of a packet is bad, and where it starts. It
// wraps [ErrTruncated], [ErrMalformed] or [ErrTooDeep]. ParseErrors are
// immutable and shared: a flood of bad packets allocates nothing.
type ParseError struct {
	fault  fault
	offset uint16
}

// Layer returns the layer of the bad header.
func (e *ParseError) Layer() Layer { return e.fault.layer() }

// Offset returns where the bad header starts, in bytes from the start of the
// slice that was parsed.
func (e *ParseError) Offset() int { return int(e.offset) }

// Unwrap returns ErrTruncated, ErrMalformed or ErrTooDeep.
func (e *ParseError) Unwrap() error { return e.fault.err() }

// Error returns a text such as "hash: TCP header at byte 34: truncated".
func (e *ParseError) Error() string {
	return "hash: " + e.Layer().String() + " header at byte " + strconv.Itoa(e.Offset()) + ": " + e.Unwrap().Error()
}

// A fault is a way in which a header can be bad. The zero fault is none.
type fault uint8

const (
	shortEthernet fault = iota + 1
	shortVLAN
	deepVLAN
	shortIP
	shortIPv4
	badIPv4
	shortIPv6
	badIPv6
	shortExtension
	deepExtension
	shortTCP
	shortUDP
	shortSCTP
	shortDCCP
	shortICMP
	shortESP
	shortAH
	shortMPLS
	deepMPLS
	shortPseudowire
	shortPPPoE
	badPPPoE
	shortGRE
	shortVXLAN
	shortGeneve
	shortGTPU
	badGTPU
	deepTunnel
	endOfFaults
)

func (f fault) layer() Layer {
	switch f {
	case shortEthernet:
		return LayerEthernet
	case shortVLAN, deepVLAN:
		return LayerVLAN
	case shortIP:
		return LayerIP
	case shortIPv4, badIPv4:
		return LayerIPv4
	case shortIPv6, badIPv6:
		return LayerIPv6
	case shortExtension, deepExtension:
		return LayerExtension
	case shortTCP:
		return LayerTCP
	case shortUDP:
		return LayerUDP
	case shortSCTP:
		return LayerSCTP
	case shortDCCP:
		return LayerDCCP
	case shortICMP:
		return LayerICMP
	case shortESP:
		return LayerESP
	case shortAH:
		return LayerAH
	case shortMPLS, deepMPLS:
		return LayerMPLS
	case shortPseudowire:
		return LayerPseudowire
	case shortPPPoE, badPPPoE:
		return LayerPPPoE
	case shortGRE:
		return LayerGRE
	case shortVXLAN:
		return LayerVXLAN
	case shortGeneve:
		return LayerGeneve
	case shortGTPU, badGTPU:
		return LayerGTPU
	case deepTunnel:
		return LayerTunnel
	}
	return 0
}

func (f fault) err() error {
	switch f {
	case deepVLAN, deepExtension, deepMPLS, deepTunnel:
		return ErrTooDeep
	case badIPv4, badIPv6, badPPPoE, badGTPU:
		return ErrMalformed
	}
	return ErrTruncated
}

// maxOffset is the last byte at which a header may start. Every header starts
// at an even byte, so that there is one ParseError for each fault and half of
// the offsets.
const maxOffset = 1534

type errorTable [endOfFaults][maxOffset/2 + 1]ParseError

//nolint:gochecknoglobals // read-only: errors are made beforehand, because making one for a packet would allocate
var parseErrors = makeErrorTable()

func makeErrorTable() *errorTable {
	t := new(errorTable)
	for f := range t {
		for i := range t[f] {
			t[f][i] = ParseError{fault(f), uint16(2 * i)}
		}
	}
	return t
}

// fail zeroes h and returns the error for a header that starts at offset, which
// is at most maxOffset. It is kept out of line so that the good path stays
// small.
//
//go:noinline
func fail(h *Headers, f fault, offset int) error {
	*h = Headers{}
	return &parseErrors[f][offset/2]
}
