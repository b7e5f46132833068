package engine

import "encoding/binary"

// rewrite turns a frame into the one that the router sends: with the Ethernet
// header of the member, with the TTL or hop limit one less. ip is where the IP
// header starts; the frame is parsed and its TTL is at least 1. The checksum
// follows the TTL, RFC 1624, so that a wrong one stays wrong, for the receiver
// to see.
func rewrite(frame []byte, ip int, hop *Adjacency) {
	*(*Ethernet)(frame) = hop.Header
	header := frame[ip:]
	if header[0]>>4 == 6 {
		header[7]--
		return
	}
	header[8]--
	sum := uint32(binary.BigEndian.Uint16(header[10:])) + 1<<8
	binary.BigEndian.PutUint16(header[10:], uint16(sum+(sum+1)>>16))
}

// lifetime returns the TTL or hop limit of the IP header.
func lifetime(header []byte) uint8 {
	if header[0]>>4 == 6 {
		return header[7]
	}
	return header[8]
}
