package flowcache

import (
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/life"
)

// A Packet is what Sticky needs to know of a packet: 16 bytes, without
// pointers.
type Packet struct {
	// Digest tells which flow this is: the packet's hash, 64 good bits, XORed
	// with the salt of its group. Its high 34 bits are kept by a pin, so those
	// of the hash must tell flows apart. A selector gets Digest XORed with the
	// salt again.
	Digest uint64

	Ref   uint16        // which of the views of the burst is that of its group
	Flags hash.TCPFlags // of a TCP packet, if Digest tells its connection from all others; else 0
	Class Class         // in which class its flow is when it is established
	Mode  Mode
}

// A Class is a kind of flows that have a timeout of their own.
type Class uint8

// The classes. Those from FirstClass on are Config.Classes, in their order. A
// class that the table does not have counts as ClassOther.
const (
	ClassOther Class = iota
	ClassTCP
	FirstClass
)

// state returns the state of an established flow of the class.
func (c Class) state() State { return State(life.Other) + State(c) }

// A Mode says what a packet may do to its flow's pin.
type Mode uint8

// The modes.
const (
	Own        Mode = iota // a packet of the flow
	LookupOnly             // it goes where the pin says, and leaves the table as it is
	Skip                   // not to be routed: its route is NoMember, and Ref is not looked at
)

// NewPacket returns the packet of a flow that a [hash.Reader] read, of the
// group with this salt. Fragments and ICMP errors are LookupOnly: an error
// meets the pin of the flow that it cites, and a fragment only that of a flow
// whose key has no ports; see [Fragments].
//
// If the policy's key is coarser than a connection, set Flags to 0, lest one
// connection's FIN close the pin of all.
func NewPacket(f *hash.Flow, salt uint64, ref uint16) Packet {
	p := Packet{Digest: f.Hash ^ salt, Ref: ref, Flags: f.Flags, Class: classOf(f.Proto)}
	if f.Kind&hash.LookupOnly != 0 {
		p.Mode = LookupOnly
	}
	return p
}

// HeadersPacket is NewPacket for who has parsed headers: of their outermost
// flow, whose hash is given.
func HeadersPacket(h *hash.Headers, hash64, salt uint64, ref uint16) Packet {
	p := Packet{Digest: hash64 ^ salt, Ref: ref, Flags: h.TCPFlags, Class: classOf(h.Proto)}
	if h.ICMPError || h.FragFirst || h.FragLater {
		p.Mode = LookupOnly
	}
	return p
}

// InnerPacket is HeadersPacket for the innermost flow.
func InnerPacket(h *hash.Headers, hash64, salt uint64, ref uint16) Packet {
	p := Packet{Digest: hash64 ^ salt, Ref: ref, Flags: h.InnerFlags, Class: classOf(h.InnerProto)}
	if h.InnerICMPError || h.InnerFragment {
		p.Mode = LookupOnly
	}
	return p
}

func classOf(proto uint8) Class {
	if proto == hash.TCP {
		return ClassTCP
	}
	return ClassOther
}

// A Verdict says how a packet got its member.
type Verdict uint8

// The verdicts.
const (
	Pinned Verdict = iota // the flow's pin said so
	Placed                // a new flow: the selector said so, and it is pinned now
	// the flow's member left or was released, or was down for longer than the
	// grace: selected anew, and pinned there. A load balancer resets a TCP
	// connection that goes on: its new member does not know it
	Moved
	// the flow's member is down, or not known again yet after Restore: selected
	// anew for this packet alone. A load balancer drops a TCP packet without
	// SYN: another member would answer by a RST
	Detoured
	// the selector said so, and there is no pin: LookupOnly, a settled hash, a
	// member without slot, an old view, a view of another domain
	Unpinned
	Refused // a new flow for which the table had no room: the selector said so
	// selected anew, and pinned there, since Table.Rebalance allowed it, or
	// since the flow's member left this group and is in another one of its
	// scope: see selector.GroupConfig.Scope for what that is to a load balancer
	Rebalanced
	// the group has no member that can take the flow, or the packet's Mode is
	// Skip
	NoMember

	NumVerdicts = iota
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
