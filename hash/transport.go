package hash

// A transport is what the parser needs to know of a protocol above IP.
type transport struct {
	size  uint8 // of the fixed part of its header
	ports bool  // at the start of the header
	short fault // of a packet that ends before
}

// portsSize is how many bytes the ports of a transport header take.
const portsSize = 4

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
