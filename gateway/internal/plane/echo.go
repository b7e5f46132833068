package plane

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// The messages of a ping.
const (
	protocolICMP4, request4, reply4 = 1, 8, 0
	protocolICMP6, request6, reply6 = 58, 128, 129
)

// isPing reports whether a frame is a request for an echo that can be answered
// by itself. A fragment, and what has IP options or extension headers, is none; nor
// is what package hash calls damaged, which its lengths tell. It may have no time
// left, since it goes no further.
func isPing(frame []byte) bool {
	at, v6, ok := network(frame)
	if !ok {
		return false
	}
	packet := frame[at:]
	if v6 {
		return packet[6] == protocolICMP6 && packet[0]>>4 == 6 &&
			holds(packet[ipv6Size:], binary.BigEndian.Uint16(packet[4:])) &&
			packet[ipv6Size] == request6 && packet[ipv6Size+1] == 0 &&
			somebody(netip.AddrFrom16([16]byte(packet[8:24])))
	}
	const fragment = 0x3fff // more of them, or an offset
	const groups = 224      // where multicast begins
	return packet[9] == protocolICMP4 && packet[0] == 4<<4|ipv4Size/4 &&
		holds(packet[ipv4Size:], binary.BigEndian.Uint16(packet[2:])-ipv4Size) &&
		binary.BigEndian.Uint16(packet[6:])&fragment == 0 &&
		packet[ipv4Size] == request4 && packet[ipv4Size+1] == 0 &&
		somebody(netip.AddrFrom4([4]byte(packet[12:16]))) && packet[12] < groups
}

// holds reports whether a message of this size is there, and is one of ICMP.
func holds(rest []byte, size uint16) bool { return size >= icmpHeaderSize && int(size) <= len(rest) }

// destination returns where an IP packet is to go.
func destination(frame []byte) (addr netip.Addr, ok bool) {
	at, v6, ok := network(frame)
	switch {
	case !ok:
		return addr, false
	case v6:
		return netip.AddrFrom16([16]byte(frame[at+24:])), true
	}
	return netip.AddrFrom4([4]byte(frame[at+16:])), true
}

// answerPing makes a ping its reply, in place: from the address that it was
// for, to its sender. The checksum is changed by as much as the type of the
// message (RFC 1624), so that a damaged ping has a damaged reply.
func answerPing(frame []byte) {
	swap(frame[:6], frame[6:12])
	at, v6, _ := network(frame)
	packet := frame[at:]
	if v6 {
		swap(packet[8:24], packet[24:40])
		packet[7] = icmpTTL
		answerEcho(packet[ipv6Size:], request6, reply6)
		return
	}
	swap(packet[12:16], packet[16:20])
	packet[8], packet[10], packet[11] = icmpTTL, 0, 0
	binary.BigEndian.PutUint16(packet[10:], checksum(0, packet[:ipv4Size]))
	answerEcho(packet[ipv4Size:], request4, reply4)
}

func answerEcho(message []byte, request, reply uint16) {
	sum := uint64(^binary.BigEndian.Uint16(message[2:])) + uint64(^(request << 8)) + uint64(reply<<8)
	message[0] = byte(reply)
	binary.BigEndian.PutUint16(message[2:], checksum(sum, nil))
}

func swap(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

// A limit is how often something may be done: as many times at once as in a
// second.
type limit struct {
	next time.Duration // when it may be done again, were all used up
}

// takes takes one from what a rate allows, which is times a second.
func (l *limit) takes(rate int, now time.Duration) bool {
	each := time.Second / time.Duration(max(rate, 1))
	if l.next > now+time.Second-each {
		return false
	}
	l.next = max(l.next, now) + each
	return true
}
