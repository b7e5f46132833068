package hash

import "math/bits"

// A transport is what the parser needs to know of a protocol above IP.
type transport struct {
	size  uint8 // of the fixed part of its header
	ports bool  // at the start of the header
	short fault // of a packet that ends before
}

// transports has the zero transport for protocols in which nothing is looked
// at.
//
//nolint:gochecknoglobals // read-only
var transports = [256]transport{
	ICMP:    {4, false, shortICMP},
	ICMPv6:  {4, false, shortICMP},
	TCP:     {20, true, shortTCP},
	UDP:     {8, true, shortUDP},
	UDPLite: {8, true, shortUDP},
	SCTP:    {12, true, shortSCTP},
	DCCP:    {12, true, shortDCCP},
	ESP:     {8, false, shortESP},
	AH:      {12, false, shortAH},
}

// A quick transport is one that the fast path reads, without a branch that
// depends on the protocol: the protocols with ports, and those that carry IP,
// which it takes to have ports as well until it hands them over.
type quick struct {
	size       uint8  // at least so much must be there, and four bytes; 0 for all other protocols
	flagsAt    uint8  // where the flags of TCP are
	flagsMask  uint8  // all ones for TCP
	form       uint8  // of the tunnel, unless the port says which
	tunnelMask uint16 // all ones where a port may be that of a tunnel
	carrier    uint16 // the port of some tunnel where everything is one
}

//nolint:gochecknoglobals // read-only
var quicks = [256]quick{
	TCP:       {size: 20, flagsAt: tcpFlagsAt, flagsMask: 0xff},
	UDP:       {size: 8, tunnelMask: 0xffff},
	UDPLite:   {size: 8},
	SCTP:      {size: 12},
	DCCP:      {size: 12},
	protoIPv4: {size: 4, carrier: portVXLAN, form: formIPv4},
	protoIPv6: {size: 4, carrier: portVXLAN, form: formIPv6},
	GRE:       {size: 4, carrier: portVXLAN, form: formGRE},
}

const tcpFlagsAt = 13

// The UDP ports that tunnels are sent to.
const (
	portGTPU    = 2152
	portVXLAN   = 4789
	portGeneve  = 6081
	portMPLSUDP = 6635
)

// tunnelPorts finds the port of a tunnel by its lower byte. Where there is
// none, it holds a port with another lower byte.
//
//nolint:gochecknoglobals // read-only
var tunnelPorts = func() (t [256]uint16) {
	for i := range t {
		t[i] = uint16(i) ^ 0xff
	}
	for _, p := range []uint16{portGTPU, portVXLAN, portGeneve, portMPLSUDP} {
		t[uint8(p)] = p
	}
	return t
}()

// isTunnel reports whether a packet to this port, in network order, may be one
// of a tunnel.
func (q *quick) isTunnel(dst uint16) bool {
	port := bits.ReverseBytes16(dst)&q.tunnelMask | q.carrier
	return tunnelPorts[uint8(port)] == port
}
