package engine

import "github.com/ecmp-go/ecmp/flowcache"

// A Decision is what a worker made of a frame. Where Drop is zero, Hop says
// where to send the frame, and Verdict how it was found; a frame whose Verdict
// is [flowcache.Moved] is of a flow that its new member does not know.
type Decision struct {
	Hop     *Adjacency // nil if the frame is dropped; never to be written through
	Verdict flowcache.Verdict
	Drop    Drop
}

// Drop says why a frame is dropped; zero is not at all.
type Drop uint8

// The reasons to drop a frame.
const (
	NotIP    Drop = iota + 1 // a whole frame of something else, such as ARP
	Damaged                  // truncated or malformed: see [hash.ParseError]
	NoRoute                  // no prefix holds the destination
	Expired                  // the TTL or hop limit is used up
	NoMember                 // the group has no member that can take the frame
	// a TCP packet whose session ended with its member, and whose sender is
	// told so: see [Config]; [Worker.Reply] is what to send
	Answered
	// a fragment that came before the first one of its datagram, and that
	// [Worker.Release] gives back: not lost, so not among the counters of drops
	Held

	drops = Held
)

// String returns the reason in words.
func (d Drop) String() string {
	switch d {
	case NotIP:
		return "not IP"
	case Damaged:
		return "damaged"
	case NoRoute:
		return "no route"
	case Expired:
		return "TTL expired"
	case NoMember:
		return "no member"
	case Answered:
		return "answered by a reset"
	case Held:
		return "held"
	}
	return "none"
}
