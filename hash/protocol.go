package hash

import "strconv"

// Protocol numbers of IP, as in FlowKey.Proto and Headers.Proto (the IANA
// registry of protocol numbers).
const (
	ICMP    = 1
	TCP     = 6
	UDP     = 17
	DCCP    = 33
	GRE     = 47
	ESP     = 50
	AH      = 51
	ICMPv6  = 58
	SCTP    = 132
	UDPLite = 136
)

// The protocols that carry IP itself.
const (
	protoIPv4 = 4
	protoIPv6 = 41
)

// protoName returns the name of a protocol, for String.
func protoName(p uint8) string {
	switch p {
	case ICMP:
		return "ICMP"
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case DCCP:
		return "DCCP"
	case ICMPv6:
		return "ICMPv6"
	case SCTP:
		return "SCTP"
	case UDPLite:
		return "UDPLite"
	}
	return "protocol " + strconv.Itoa(int(p))
}
