package program

import (
	"encoding/binary"

	"github.com/ecmp-go/ecmp/hash"
)

// allows returns the name of what allows two engines to make different things
// of a frame; it is empty if nothing does.
//
// A flow that one engine has pinned and the other has not, or not there, is
// astray: its later packets may go elsewhere too. Where they go now is where
// the slow model of the flow table sends them, which holds every route of the
// engine as it stands: see modelled.
func (p *pair) allows(frame []byte, h *hash.Headers, now, was Decision) string {
	flow := hash.FiveTuple.Extract(h, frame)
	switch {
	case was.Drop == "damaged" && now.Drop != was.Drop && sound(frame):
		p.astray[flow] = true
		return "a sound packet is routed, whatever it carries (RFC 1812, 5.2.2)"
	case opens(h) && was.Verdict == "pinned" && p.drained[was.Member] && now.Verdict == "placed" &&
		!p.drained[now.Member]:
		p.astray[flow] = true
		return "a SYN whose pin names a drained member begins a new flow elsewhere"
	case h.Proto == hash.TCP && h.TCPFlags&(hash.ACK|hash.SYN) == hash.ACK && was.Verdict == "placed" &&
		(now.Verdict == "pinned" || now.Verdict == "moved"):
		p.astray[flow] = true
		return "a TCP flow that enters in mid-life is adopted: its pin lasts as that of an established one"
	case opens(h) && was.Verdict == "detoured" && now.Verdict == "placed" && was.Member == now.Member:
		p.astray[flow] = true
		return "a SYN whose pin names a member that is down begins a new flow, which stays when it is up"
	case p.astray[flow] && routed(now) && routed(was):
		return "a flow that packets as above have pinned goes as the model says"
	}
	return ""
}

// routed reports whether a frame met a member, if only to be told that it is
// gone.
func routed(d Decision) bool { return d.Drop == "" || d.Drop == "answered by a reset" }

// opens reports whether a packet is the first one of a TCP connection.
func opens(h *hash.Headers) bool {
	return h.Proto == hash.TCP && h.TCPFlags&(hash.SYN|hash.ACK|hash.RST|hash.FIN) == hash.SYN
}

// sound reports whether a router must forward a frame, whatever is behind its
// IP header: that is whole, and so is the packet.
func sound(f []byte) bool {
	at := 12
	for len(f) >= at+4 && (f[at] == 0x81 && f[at+1] == 0 || f[at] == 0x88 && f[at+1] == 0xa8) {
		at += 4
	}
	if len(f) < at+2+20 {
		return false
	}
	ip := f[at+2:]
	switch {
	case f[at] == 8 && f[at+1] == 0 && ip[0]>>4 == 4:
		size, length := int(ip[0]&15)*4, int(binary.BigEndian.Uint16(ip[2:]))
		return size >= 20 && size <= len(ip) && length >= size && length <= len(ip)
	case f[at] == 0x86 && f[at+1] == 0xdd && ip[0]>>4 == 6:
		return len(ip) >= 40 && 40+int(binary.BigEndian.Uint16(ip[4:])) <= len(ip)
	}
	return false
}
