package program

import (
	"encoding/binary"

	"github.com/ecmp-go/ecmp/hash"
)

// allows returns the name of what allows two engines to make different things
// of a frame; it is empty if nothing does.
//
// A flow of which one engine has seen a packet and the other has not, or not
// where, is astray: its later packets may go elsewhere too.
func (p *pair) allows(frame []byte, now, was Decision) string {
	var h hash.Headers
	if hash.Parse(frame, &h) != nil {
		return ""
	}
	flow := hash.FiveTuple.Extract(&h, frame)
	switch {
	case was.Drop == "damaged" && now.Drop != was.Drop && sound(frame):
		p.astray[flow] = true
		return "a sound packet is routed, whatever it carries (RFC 1812, 5.2.2)"
	case p.astray[flow] && now.Drop == "" && was.Drop == "":
		return "a flow that packets as above have pinned"
	}
	return ""
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
