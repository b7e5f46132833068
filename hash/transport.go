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

	// The fixed part of each header.
	icmpSize = 4
	tcpSize  = 20
	udpSize  = 8
	dccpSize = 12
	sctpSize = 12
)

// transport reads the header at the start of seg: the ports as they stand in a key, and TCP's flags. Both are zero for
// protocols that have none.
func transport(seg []byte, proto uint8) (ports uint32, tcp TCPFlags, f fault) {
	switch proto {
	case protoTCP:
		if len(seg) < tcpSize {
			return 0, 0, shortTCP
		}
		return binary.LittleEndian.Uint32(seg), TCPFlags(seg[13]), 0
	case protoUDP, protoUDPLite:
		if len(seg) < udpSize {
			return 0, 0, shortUDP
		}
	case protoSCTP:
		if len(seg) < sctpSize {
			return 0, 0, shortSCTP
		}
	case protoDCCP:
		if len(seg) < dccpSize {
			return 0, 0, shortDCCP
		}
	case protoICMP, protoICMPv6:
		if len(seg) < icmpSize {
			return 0, 0, shortICMP
		}
		return 0, 0, 0
	default:
		return 0, 0, 0
	}
	return binary.LittleEndian.Uint32(seg), 0, 0
}

// hasPorts reports whether a header of proto starts with two ports.
func hasPorts(proto uint8) bool {
	switch proto {
	case protoTCP, protoUDP, protoUDPLite, protoSCTP, protoDCCP:
		return true
	}
	return false
}
