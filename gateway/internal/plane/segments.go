package plane

import (
	"encoding/binary"
)

// An offload is what the sender of a frame left to be done for it, by the virtio
// header before it: struct virtio_net_hdr.
type offload struct {
	kind          uint8 // of segments; 0: it is one packet
	size          int   // of the payload of each segment
	sum           bool  // a checksum is missing
	start, offset int   // it covers all from start on, and stands there at offset
}

const (
	virtioNeedsSum = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	virtioTCP4     = 1 // VIRTIO_NET_HDR_GSO_TCPV4
	virtioTCP6     = 4
	virtioUDP      = 5    // a datagram from each segment; older kernels have none
	virtioECN      = 0x80 // beside one of these; what follows is known from the packet
)

func offloadOf(virtio []byte) offload {
	return offload{
		kind: virtio[1] &^ virtioECN, size: int(binary.NativeEndian.Uint16(virtio[4:])),
		sum:   virtio[0]&virtioNeedsSum != 0,
		start: int(binary.NativeEndian.Uint16(virtio[6:])), offset: int(binary.NativeEndian.Uint16(virtio[8:])),
	}
}

// complete writes the checksum of a packet that is not to be cut, and reports
// whether it could. The sender left the sum of the pseudo header in its place.
func (o offload) complete(frame []byte) bool {
	if !o.sum {
		return true
	}
	if o.start > len(frame) || o.start+o.offset+2 > len(frame) {
		return false
	}
	writeSum(frame[o.start+o.offset:], checksum(0, frame[o.start:]))
	return true
}

// writeSum writes a checksum of TCP or UDP: to the latter 0 is none, and stands
// for what 0xffff stands for as well.
func writeSum(at []byte, sum uint16) {
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(at, sum)
}

// segments cut a frame: next makes its headers those of the next segment, and
// finds the payload of that. They do what the kernel does for an interface that
// can't.
type segments struct {
	payload []byte // of the segment

	frame     []byte
	v6        bool
	ip        int // where the packet begins
	transport int // and TCP or UDP
	data      int // and the payload of the first segment
	size      int
	end       int // of the segment

	number uint16 // of IPv4, for the next segment
	first  uint32 // sequence number of TCP
	flags  uint8
}

// What is cut is TCP or UDP.
const (
	protoTCP = 6
	protoUDP = 17

	tcpFIN = 1
	tcpPSH = 8
	tcpCWR = 0x80 // congestion window reduced: the first segment alone says so

	longestHeaders = 150 // with room for Ethernet, two tags and an outer header in headRoom
)

// segmentsOf returns the segments of a frame. It is not ok if that is of a kind
// that isn't known here, or not what it is said to be.
func segmentsOf(frame []byte, o offload) (s segments, ok bool) {
	at, v6, ok := network(frame)
	if !ok || o.size == 0 {
		return s, false
	}
	s = segments{frame: frame, v6: v6, ip: at, size: o.size}
	proto := frame[at+6]
	if s.transport = at + ipv6Size; !v6 {
		proto, s.transport = frame[at+9], at+int(frame[at]&15)*4
		s.number = binary.BigEndian.Uint16(frame[at+4:])
	}
	switch {
	case o.kind == virtioTCP4 && !v6 && proto == protoTCP, o.kind == virtioTCP6 && v6 && proto == protoTCP:
		if len(frame) < s.transport+20 {
			return s, false
		}
		tcp := frame[s.transport:]
		s.data = s.transport + int(tcp[12]>>4)*4
		s.first, s.flags = binary.BigEndian.Uint32(tcp[4:]), tcp[13]
		ok = s.data >= s.transport+20
	case o.kind == virtioUDP && proto == protoUDP:
		s.data = s.transport + 8
	default:
		return s, false
	}
	s.end = s.data
	return s, ok && s.data < len(frame) && s.data-at <= longestHeaders
}

// next reports whether there is a segment more.
func (s *segments) next() bool {
	if s.end == len(s.frame) {
		return false
	}
	from := s.end
	s.end = min(from+s.size, len(s.frame))
	s.payload = s.frame[from:s.end]
	length := s.data - s.transport + len(s.payload) // from TCP or UDP on
	s.writeIP(length)
	header := s.frame[s.transport:s.data]
	sumAt := 6
	if len(header) == 8 {
		binary.BigEndian.PutUint16(header[4:], uint16(length))
	} else {
		sumAt = 16
		s.writeTCP(header, from)
	}
	header[sumAt], header[sumAt+1] = 0, 0
	sum := add(s.pseudo(length), header)
	writeSum(header[sumAt:], checksum(sum, s.payload))
	return true
}

func (s *segments) writeIP(length int) {
	ip := s.frame[s.ip:s.transport]
	if s.v6 {
		binary.BigEndian.PutUint16(ip[4:], uint16(length))
		return
	}
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+length))
	binary.BigEndian.PutUint16(ip[4:], s.number)
	s.number++
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], checksum(0, ip))
}

// writeTCP writes what differs between segments, of the one whose payload begins
// there.
func (s *segments) writeTCP(header []byte, from int) {
	binary.BigEndian.PutUint32(header[4:], s.first+uint32(from-s.data))
	header[13] = s.flags
	if from != s.data {
		header[13] &^= tcpCWR
	}
	if s.end != len(s.frame) {
		header[13] &^= tcpFIN | tcpPSH
	}
}

// pseudo returns the sum of the pseudo header of TCP or UDP.
func (s *segments) pseudo(length int) uint64 {
	ip := s.frame[s.ip:]
	if s.v6 {
		return add(uint64(length)+uint64(ip[6]), ip[8:40])
	}
	return add(uint64(length)+uint64(ip[9]), ip[12:20])
}
