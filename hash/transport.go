package hash

import "encoding/binary"

const (
	protoICMP    = 1
	protoTCP     = 6
	protoUDP     = 17
	protoDCCP    = 33
	protoICMPv6  = 58
	protoSCTP    = 132
	protoUDPLite = 136
)

// A transport is what the parser needs to know of a protocol above IP.
type transport struct {
	size     uint8 // of the fixed part of its header
	hasPorts bool  // at the start of the header
	short    fault // of a packet that ends before
}

// transports has the zero transport for protocols in which nothing is looked at.
//
//nolint:gochecknoglobals // read-only
var transports = [256]transport{
	protoICMP:    {4, false, shortICMP},
	protoICMPv6:  {4, false, shortICMP},
	protoTCP:     {20, true, shortTCP},
	protoUDP:     {8, true, shortUDP},
	protoUDPLite: {8, true, shortUDP},
	protoSCTP:    {12, true, shortSCTP},
	protoDCCP:    {12, true, shortDCCP},
}

// ports returns the ports at the start of seg as they stand in a key, or zero if the protocol has none.
func (t *transport) ports(seg []byte) uint64 {
	if !t.hasPorts || len(seg) < 4 {
		return 0
	}
	return uint64(binary.LittleEndian.Uint32(seg))
}

// tcpFlags returns the flags of TCP, and zero for other protocols.
func tcpFlags(seg []byte, proto uint8) TCPFlags {
	if proto != protoTCP || len(seg) < 14 {
		return 0
	}
	return TCPFlags(seg[13])
}
