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

//nolint:gochecknoglobals // read-only
var layerNames = [...]string{
	LayerEthernet:   "Ethernet",
	LayerVLAN:       "VLAN",
	LayerIP:         "IP",
	LayerIPv4:       "IPv4",
	LayerIPv6:       "IPv6",
	LayerExtension:  "IPv6 extension",
	LayerTCP:        "TCP",
	LayerUDP:        "UDP",
	LayerSCTP:       "SCTP",
	LayerDCCP:       "DCCP",
	LayerICMP:       "ICMP",
	LayerESP:        "ESP",
	LayerAH:         "AH",
	LayerMPLS:       "MPLS",
	LayerPseudowire: "pseudo-wire",
	LayerPPPoE:      "PPPoE",
	LayerGRE:        "GRE",
	LayerVXLAN:      "VXLAN",
	LayerGeneve:     "Geneve",
	LayerGTPU:       "GTP-U",
	LayerTunnel:     "tunnel",
}

// String returns the name of the layer.
func (l Layer) String() string {
	if int(l) < len(layerNames) && layerNames[l] != "" {
		return layerNames[l]
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
func (e *ParseError) Layer() Layer { return faults[e.fault].layer }

// Offset returns where the bad header starts, in bytes from the start of the
// slice that was parsed.
func (e *ParseError) Offset() int { return int(e.offset) }

// Unwrap returns ErrTruncated, ErrMalformed or ErrTooDeep.
func (e *ParseError) Unwrap() error { return faults[e.fault].err }

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

//nolint:gochecknoglobals // read-only
var faults = [endOfFaults]struct {
	layer Layer
	err   error
}{
	shortEthernet:   {LayerEthernet, ErrTruncated},
	shortVLAN:       {LayerVLAN, ErrTruncated},
	deepVLAN:        {LayerVLAN, ErrTooDeep},
	shortIP:         {LayerIP, ErrTruncated},
	shortIPv4:       {LayerIPv4, ErrTruncated},
	badIPv4:         {LayerIPv4, ErrMalformed},
	shortIPv6:       {LayerIPv6, ErrTruncated},
	badIPv6:         {LayerIPv6, ErrMalformed},
	shortExtension:  {LayerExtension, ErrTruncated},
	shortTCP:        {LayerTCP, ErrTruncated},
	shortUDP:        {LayerUDP, ErrTruncated},
	shortSCTP:       {LayerSCTP, ErrTruncated},
	shortDCCP:       {LayerDCCP, ErrTruncated},
	shortICMP:       {LayerICMP, ErrTruncated},
	shortESP:        {LayerESP, ErrTruncated},
	shortAH:         {LayerAH, ErrTruncated},
	shortMPLS:       {LayerMPLS, ErrTruncated},
	deepMPLS:        {LayerMPLS, ErrTooDeep},
	shortPseudowire: {LayerPseudowire, ErrTruncated},
	shortPPPoE:      {LayerPPPoE, ErrTruncated},
	badPPPoE:        {LayerPPPoE, ErrMalformed},
	shortGRE:        {LayerGRE, ErrTruncated},
	shortVXLAN:      {LayerVXLAN, ErrTruncated},
	shortGeneve:     {LayerGeneve, ErrTruncated},
	shortGTPU:       {LayerGTPU, ErrTruncated},
	badGTPU:         {LayerGTPU, ErrMalformed},
	deepTunnel:      {LayerTunnel, ErrTooDeep},
}

// maxOffset is the last byte at which a header may start, so that there is one
// ParseError for each fault and offset.
const maxOffset = 1534

type errorTable [endOfFaults][maxOffset + 1]ParseError

// parseErrors are made beforehand, because making one for a packet would
// allocate.
//
//nolint:gochecknoglobals // read-only
var parseErrors = makeErrorTable()

func makeErrorTable() *errorTable {
	t := new(errorTable)
	for f := range t {
		for i := range t[f] {
			t[f][i] = ParseError{fault(f), uint16(i)}
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
	return &parseErrors[f][offset]
}
