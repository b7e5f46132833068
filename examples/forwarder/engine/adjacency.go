package engine

import "github.com/ecmp-go/ecmp/selector"

// A MAC is an Ethernet address.
type MAC [6]byte

// Ethernet is the beginning of an Ethernet header, as it is on the wire: the
// destination's address, then the source's.
type Ethernet [12]byte

// NewEthernet returns the header of frames from one address to another.
func NewEthernet(dst, src MAC) (e Ethernet) {
	copy(e[:], dst[:])
	copy(e[6:], src[:])
	return e
}

// Dst returns the destination's address.
func (e Ethernet) Dst() MAC { return MAC(e[:6]) }

// Src returns the source's address.
func (e Ethernet) Src() MAC { return MAC(e[6:]) }

// An Adjacency is what a worker needs to send a frame to a member: the payload
// of a [Group].
type Adjacency struct {
	ID string

	// Header is that of frames to the member: from the router's own address, on
	// the link to the member, to the member's.
	Header Ethernet

	// Output numbers the member among all that the router knows. Counters go by
	// it, and the outputs of the back end may. Keep the numbers small: counters
	// take 16 bytes for every number up to the largest.
	Output uint16

	// Tunnel leads to a member that is not on the link: Header is then that of
	// frames to the router on the way. The outer header is put before the packet
	// by who sends what the worker decided, since that has the room for it: see
	// [Tunnel.AppendFrame].
	Tunnel Tunnel
}

// A Group is a live set of members with what it takes to send to them.
type Group = selector.Group[Adjacency]

// A Hop is a member of a [Group].
type Hop = selector.Hop[Adjacency]
