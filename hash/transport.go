package hash

const (
	protoICMP    = 1
	protoIPv4    = 4
	protoTCP     = 6
	protoUDP     = 17
	protoDCCP    = 33
	protoIPv6    = 41
	protoGRE     = 47
	protoESP     = 50
	protoICMPv6  = 58
	protoSCTP    = 132
	protoUDPLite = 136
)

// A transport is what the parser needs to know of a protocol above IP.
type transport struct {
	size  uint8 // of the fixed part of its header
	ports bool  // at the start of the header
	short fault // of a packet that ends before

	// For the fast path, which has ports without exception, and no branch that depends on the protocol:
	flagsAt    uint8  // where the flags of TCP are
	flagsMask  uint8  // all ones for TCP
	tunnelMask uint16 // all ones where a port may be that of a tunnel
}

// transports has the zero transport for protocols in which nothing is looked at.
//
//nolint:gochecknoglobals // read-only
var transports = [256]transport{
	protoICMP:    {size: 4, short: shortICMP},
	protoICMPv6:  {size: 4, short: shortICMP},
	protoTCP:     {size: 20, ports: true, short: shortTCP, flagsAt: tcpFlagsAt, flagsMask: 0xff},
	protoUDP:     {size: 8, ports: true, short: shortUDP, tunnelMask: 0xffff},
	protoUDPLite: {size: 8, ports: true, short: shortUDP},
	protoSCTP:    {size: 12, ports: true, short: shortSCTP},
	protoDCCP:    {size: 12, ports: true, short: shortDCCP},
	protoESP:     {size: 8, short: shortESP},
	protoAH:      {size: 12, short: shortAH},
}

const tcpFlagsAt = 13

// The UDP ports that tunnels are sent to.
const (
	portGTPU    = 2152
	portVXLAN   = 4789
	portGeneve  = 6081
	portMPLSUDP = 6635
)

// tunnelPorts finds the port of a tunnel by its lower byte. Where there is none, it holds a port with another lower byte.
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

// isTunnel reports whether the port, of a packet of this protocol, may be that of a tunnel.
func (t *transport) isTunnel(dst uint16) bool {
	dst &= t.tunnelMask
	return tunnelPorts[uint8(dst)] == dst
}
