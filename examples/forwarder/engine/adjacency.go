package engine

import "github.com/ecmp-go/ecmp/selector"

// A MAC is an Ethernet address.
type MAC [6]byte

// An Adjacency is what a worker needs to send a frame to a member: the payload
// of a [Group].
type Adjacency struct {
	ID  string
	Src MAC // the router's own, on the link to the member
	Dst MAC // the member's

	// Output numbers the member among all that the router knows. Counters go by
	// it, and the outputs of the back end may. Keep the numbers small: counters
	// take 16 bytes for every number up to the largest.
	Output uint16
}

// A Group is a live set of members with what it takes to send to them.
type Group = selector.Group[Adjacency]

// A Hop is a member of a [Group].
type Hop = selector.Hop[Adjacency]
