package engine

import "encoding/binary"

// rewrite turns a frame into the one that the router sends: to the member's MAC address from its own, with the TTL or hop limit
// one less. ip is where the IP header starts; the frame is parsed and its TTL is at least 1.
func rewrite(frame []byte, ip int, hop *Adjacency) {
	copy(frame, hop.Dst[:])
	copy(frame[len(hop.Dst):], hop.Src[:])
	header := frame[ip:]
	if header[0]>>4 == 6 {
		header[7]--
		return
	}
	was := binary.BigEndian.Uint16(header[8:]) // TTL and protocol
	is := was - 1<<8
	binary.BigEndian.PutUint16(header[8:], is)
	binary.BigEndian.PutUint16(header[10:], updateChecksum(binary.BigEndian.Uint16(header[10:]), was, is))
}

// updateChecksum returns the Internet checksum after one word it covers changed: RFC 1624, equation 3. A wrong checksum stays
// wrong, for the receiver to see.
func updateChecksum(sum, was, is uint16) uint16 {
	return ^fold(uint32(^sum) + uint32(^was) + uint32(is))
}

// lifetime returns the TTL or hop limit of the IP header.
func lifetime(header []byte) uint8 {
	if header[0]>>4 == 6 {
		return header[7]
	}
	return header[8]
}
