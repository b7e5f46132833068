package engine

import (
	"encoding/binary"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

const (
	ipv4Size = 20
	ipv6Size = 40
	tcpSize  = 20
	resetTTL = 64
)

// A reply is what a frame was answered by. It is in the memory of the frame.
type reply struct {
	to    int // the frame's place among those given to Burst
	frame []byte
}

// Reply returns the answer to frame i of the last Burst, whose decision was
// Answered: a frame to send out of the interface that the other one came in by,
// in its memory, and with checksums that are whole. It is nil for others.
func (w *Worker) Reply(i int) []byte {
	for _, r := range w.replies {
		if r.to == i {
			return r.frame
		}
	}
	return nil
}

// session returns the TCP session that packet i is of, as its outermost headers
// say, and whether it is answered by a reset if its receiver does not know it.
func (w *Worker) session(i int) (f hash.Flow, ok bool) {
	f = w.flows[i]
	if f.Kind&hash.Special != 0 { // under an Inner policy, f is of the innermost headers
		h := w.reader.Headers(i)
		if h == nil { // special by the keying of its group alone, as a tunnel over UDP is
			return f, false
		}
		f.L4, f.Flags = h.L4Offset, h.TCPFlags
	}
	return f, resettable(f.Flags)
}

// answer resets the session of the i-th packet. To the flow table, the reset
// closes the flow, so that a new session is placed anew.
func (w *Worker) answer(i int, frame []byte, f hash.Flow, to int, now time.Duration) Decision {
	if w.packets[i].Class == flowcache.ClassTCP { // else the flow is more than this session
		w.packets[i].Flags = hash.RST
		w.router.RouteBatch(w.routed[i:i+1], w.packets[i:i+1], w.views[:w.refs], now)
	}
	r := reply{to, reset(frame, &f)}
	w.replies = append(w.replies, r)
	w.counters.Replies.add(r.frame)
	d := w.dropFor(i, Answered)
	d.Verdict = flowcache.Moved
	return d
}

// resettable reports whether a packet with these TCP flags, of a session that
// its receiver does not know, is answered by a reset. One that opens a session
// needs a member and no answer, and a reset is never answered.
func resettable(f hash.TCPFlags) bool {
	return f != 0 && f&hash.RST == 0 && f&(hash.SYN|hash.ACK) != hash.SYN
}

// reset turns a whole TCP packet into the answer of a host that does not know
// its session, RFC 9293 section 3.5.2, and returns it: a frame back to the
// sender, with the tags that it came with. It is no longer than the packet,
// since options and extension headers go.
func reset(frame []byte, f *hash.Flow) []byte {
	was := frame[f.L4:]
	ports := binary.BigEndian.Uint32(was)
	seq, ack, flags := binary.BigEndian.Uint32(was[8:]), uint32(0), hash.RST
	if f.Flags&hash.ACK == 0 {
		seq, ack, flags = 0, binary.BigEndian.Uint32(was[4:])+sequenceLength(frame, f), hash.RST|hash.ACK
	}

	size := ipv4Size
	if f.Kind&hash.IPv6 != 0 {
		size = ipv6Size
	}
	packet := frame[f.L3:][:size+tcpSize]
	ip, tcp := packet[:size], packet[size:]
	swap(frame[:6], frame[6:12])
	addresses := turnAround(ip)
	binary.BigEndian.PutUint32(tcp, ports<<16|ports>>16)
	binary.BigEndian.PutUint32(tcp[4:], seq)
	binary.BigEndian.PutUint32(tcp[8:], ack)
	// no window, nothing urgent, and no checksum yet
	binary.BigEndian.PutUint64(tcp[12:], tcpSize/4<<60|uint64(flags)<<48)
	binary.BigEndian.PutUint16(tcp[16:], ^fold(sum(addresses)+hash.TCP+tcpSize+sum(tcp)))
	return frame[:int(f.L3)+len(packet)]
}

// turnAround makes an IP header, of the size without options, that of an answer
// with nothing but a TCP header in it. It returns the part with both addresses.
func turnAround(ip []byte) (addresses []byte) {
	if len(ip) == ipv6Size {
		binary.BigEndian.PutUint64(ip, 6<<60|tcpSize<<16|hash.TCP<<8|resetTTL)
		swap(ip[8:24], ip[24:])
		return ip[8:]
	}
	binary.BigEndian.PutUint64(ip, 0x45<<56|(ipv4Size+tcpSize)<<32|0x4000) // not to be fragmented
	binary.BigEndian.PutUint32(ip[8:], resetTTL<<24|hash.TCP<<16)
	swap(ip[12:16], ip[16:])
	binary.BigEndian.PutUint16(ip[10:], ^fold(sum(ip)))
	return ip[12:]
}

// sequenceLength returns how many sequence numbers a TCP packet without SYN
// takes up: one for each byte of data, one for FIN.
func sequenceLength(frame []byte, f *hash.Flow) uint32 {
	l3, l4 := int(f.L3), int(f.L4)
	headers, length := 0, int(binary.BigEndian.Uint16(frame[l3+2:]))
	if f.Kind&hash.IPv6 != 0 {
		headers, length = ipv6Size, int(binary.BigEndian.Uint16(frame[l3+4:]))
	}
	end := l3 + headers + length
	if length == 0 { // a packet too long for the field, or not segmented yet
		end = len(frame)
	}
	n := uint32(max(0, end-l4-int(frame[l4+12]>>4)*4))
	if f.Flags&hash.FIN != 0 {
		n++
	}
	return n
}

// swap exchanges the bytes of two slices of equal length.
func swap(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

// sum adds up the 16-bit words of b, whose length is even, for the Internet
// checksum: RFC 1071.
func sum(b []byte) (s uint32) {
	for ; len(b) > 0; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	return s
}

// fold adds the carries of a sum of words to its lower 16 bits.
func fold(s uint32) uint16 {
	s = s&0xffff + s>>16
	return uint16(s + s>>16)
}
