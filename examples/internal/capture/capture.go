// Package capture reads packets from pcap and pcapng captures, as Ethernet
// frames, and writes them to pcap.
package capture

import (
	"errors"
	"fmt"
	"time"
)

// Causes of an [*Error], for errors.Is.
var (
	ErrForeign   = errors.New("not a pcap or pcapng capture")
	ErrLinkType  = errors.New("link type is neither Ethernet nor raw IP")
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
	Time   time.Time // when it was captured, between the years 1970 and 2106
	Frame  []byte    // captured bytes, from the Ethernet header on
	Length int       // length on the wire, at least len(Frame)
}
