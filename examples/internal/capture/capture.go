// Package capture reads packets from pcap and pcapng captures, as Ethernet
// frames, and writes them to pcap. It serves Ethernet, Linux cooked captures as
// of "tcpdump -i any", loopback interfaces, PPP and raw IP.
package capture

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ecmp-go/ecmp/hash"
)

// Causes of an [*Error], for errors.Is.
var (
	ErrForeign   = errors.New("not a pcap or pcapng capture")
	ErrLinkType  = errors.New("a link type that is not served")
	ErrTruncated = errors.New("the capture ends in the middle of it")
	ErrDamaged   = errors.New("the capture is damaged here")
)

// An Error says which packet of a capture could not be read, and why.
type Error struct {
	Packet int // from 1; 0 is the header of the capture
	Err    error
}

func (e *Error) Error() string {
	if e.Packet == 0 {
		return fmt.Sprintf("header, before packet 1: %v", e.Err)
	}
	return fmt.Sprintf("packet %d: %v", e.Packet, e.Err)
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// A Packet is one frame of a capture.
type Packet struct {
	// Time is when the packet was captured, between the years 1970 and 2106.
	// Where the capture has no such time, it is that of the packet before.
	Time time.Time

	// Frame is the captured bytes, from the Ethernet header on.
	Frame []byte

	// Length is the length on the wire, at least len(Frame).
	Length int
}

// Parse parses the packet, of which the capture may have the start alone.
func (p Packet) Parse(h *hash.Headers) error { return hash.ParseSnapped(p.Frame, p.Length, h) }

// longestFrame is an IP packet of the greatest length behind the most tags.
const longestFrame = 65535 + 14 + 8*4

// Whole returns the frame as it was on the wire, as far as forwarding can tell:
// one that was captured in part gets zeros for the rest. These are in p.Frame's
// memory, or in new memory that p.Frame is then in too. If a header of the
// packet that counts is in the rest, Whole returns p.Frame. Inner says whether
// those inside a tunnel count, as the parser finds it.
func (p *Packet) Whole(parser hash.Parser, inner bool) []byte {
	missing := p.Length - len(p.Frame)
	if missing == 0 || p.Length > longestFrame {
		return p.Frame
	}
	var h hash.Headers
	if parser.ParseSnapped(p.Frame, p.Length, &h) != nil || inner && errors.Is(h.InnerErr(), hash.ErrTruncated) {
		return p.Frame
	}
	full := append(p.Frame, make([]byte, missing)...)
	p.Frame = full[:len(p.Frame)]
	return full
}

// Open opens a capture: a file, or the standard input for the name "-".
func Open(name string) (*os.File, error) {
	if name == "-" {
		return os.Stdin, nil
	}
	return os.Open(name)
}
