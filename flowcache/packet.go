package flowcache

import (
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A Packet is what Sticky needs to know of a packet.
type Packet struct {
	Digest uint64         // which flow this is: a 64-bit hash of its key, salted by its group
	Hash   uint64         // where a selector places it
	View   *selector.View // of its group, loaded once a burst; never nil, and of the table's domain
	Flags  hash.TCPFlags  // of a TCP packet, if Digest tells its connection from all others; else 0
	Proto  uint8          // IP protocol number

	// LookupOnly is for packets that belong to a flow but are not its own: they
	// go where its pin says, and neither make nor refresh nor promote nor close
	// one.
	LookupOnly bool
}

// NewPacket returns the packet that h describes, of a flow whose key has the
// given hash. ICMP errors and fragments are LookupOnly. An ICMP error meets the
// pin of the flow that it cites. A fragment has no ports: it meets the pin of
// its flow only if the key has none either ([hash.ThreeTuple], say). With
// [hash.FiveTuple] the fragments of a datagram go where the selector places
// their addresses, all of them together, but apart from the flow's whole
// packets.
//
// The hash serves as the digest too, so it must be a good one of 64 bits: not a
// device's 32-bit hash, beside which the caller computes a Digest of its own.
// If the key is coarser than a connection, the caller sets Flags to 0, lest one
// connection's FIN close the pin of all.
func NewPacket(v *selector.View, h *hash.Headers, hash64 uint64) (p Packet) {
	p.Set(v, h, hash64)
	return p
}

// Set makes p the packet that [NewPacket] returns, without a copy, which a
// burst of packets would feel.
func (p *Packet) Set(v *selector.View, h *hash.Headers, hash64 uint64) {
	p.Digest, p.Hash, p.View = hash64^v.Salt(), hash64, v
	p.Flags, p.Proto = h.TCPFlags, h.Proto
	p.LookupOnly = h.ICMPError || h.FragFirst || h.FragLater
}

// A Verdict says how a packet got its member.
type Verdict uint8

const (
	Pinned Verdict = iota // the flow's pin said so
	Placed                // a new flow: the selector said so, and it is pinned now
	// the flow's member left, or was down for longer than the grace: selected
	// anew, and pinned there
	Moved
	Detoured // the flow's member is down: selected anew for this packet alone
	// the selector said so, and there is no pin: LookupOnly, a settled hash, a
	// member without slot, an old view
	Unpinned
	Refused // a new flow for which the table had no room: the selector said so
	// the flow was silent for a while, and the selector said so: see
	// Table.Rebalance
	Rebalanced
	NoMember // the group has no member that can take the flow
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Pinned:
		return "pinned"
	case Placed:
		return "placed"
	case Moved:
		return "moved"
	case Detoured:
		return "detoured"
	case Unpinned:
		return "unpinned"
	case Refused:
		return "refused"
	case Rebalanced:
		return "rebalanced"
	case NoMember:
		return "no member"
	}
	return "invalid"
}

// A Route is where a packet goes: the index of a member in its view, and why.
// Member is -1 if and only if Verdict is NoMember.
type Route struct {
	Member  int32
	Verdict Verdict
}
