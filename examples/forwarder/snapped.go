package main

import (
	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/hash"
)

// longestFrame is an IP packet of the greatest length behind the most tags.
const longestFrame = 65535 + 14 + 8*4

// whole returns the frame as it was on the wire, as far as forwarding can tell:
// one that was captured in part gets zeros for the rest, in p.Frame's memory or
// where that was too small in new memory, which p.Frame is then in too. If any
// of the headers is in the rest, the part is all there is.
func whole(p *capture.Packet) []byte {
	missing := p.Length - len(p.Frame)
	if missing == 0 || p.Length > longestFrame {
		return p.Frame
	}
	full := append(p.Frame, make([]byte, missing)...)
	var h hash.Headers
	if hash.Parse(full, &h) != nil || headersEnd(&h) > len(p.Frame) || h.ICMPError {
		return p.Frame
	}
	p.Frame = full[:len(p.Frame)]
	return full
}

// headersEnd returns where the fixed part of the last header that forwarding
// looks at ends.
func headersEnd(h *hash.Headers) int {
	end := int(h.L4Offset)
	switch {
	case h.FragFirst || h.FragLater:
		return end
	case h.Proto == hash.TCP:
		return end + 20
	}
	return end + 8
}
