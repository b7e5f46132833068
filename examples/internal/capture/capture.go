// Package capture reads captures of packets, pcap and pcapng, as Ethernet
// frames, and writes them as pcap.
package capture

import (
	"errors"
	"fmt"
	"time"
)

// What can be wrong with a capture, to be matched by errors.Is. The error
// itself is an [*Error].
var (
	ErrForeign   = errors.New("not a pcap or pcapng capture")
	ErrLinkType  = errors.New("link type is neither Ethernet nor raw IP")
	ErrTruncated = errors.New("the capture ends in the middle of it")
	ErrDamaged   = errors.New("the capture is damaged here")
)

// An Error says at which packet a capture could not be read on, and why.
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
	Time   time.Time // when it was captured, between the years 1970 and 2106
	Frame  []byte    // what was captured of it, from its Ethernet header on
	Length int       // how long it was on the wire, at least len(Frame)
}
