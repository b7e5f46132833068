// Package plane moves packets between the interfaces of a router: one [Plane]
// for each technique that Linux offers. Package planes lists them.
//
// # Speed
//
// In small packets a second of processor time, afpacket forwards about a
// quarter of what the kernel's own forwarding does, afxdp about half, and xdp
// some three times as much. All the time that forwarding takes is counted: less
// than half of it is that of the gateway's process, and the kernel's threads
// take the rest, to receive and to hand packets to the members. To remember
// flows costs xdp most, since it makes the look-ups in the kernel's maps: it is
// about level with the kernel's forwarding then. One TCP connection through
// afpacket, with the offloads of veth, has more than half of the rate that it
// has through the kernel.
//
// The command below measures that, as root, beside the kernel; what it printed
// last is in benchmarks/results/programs.
//
//	go run ./gateway/internal/throughput
package plane

import (
	"context"
	"io"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A Plane forwards packets to the members of services. What it forwards by
// changes in two steps, so that no packet is lost between them: first
// SetOutputs, then the groups of the services, then Sync.
//
// SetOutputs, Sync and the methods of Flows are called by one goroutine at a
// time, while Run and Counters are running.
type Plane interface {
	// SetOutputs says which interface each [engine.Adjacency.Output] stands
	// for. It opens what is new or was made anew under its name, and closes
	// what is gone; it is called before a group refers to what is new, and
	// after no group refers any more to what is gone. An interface that is not
	// there, or can't be sent by, is in faults with the reason: what is sent to
	// its outputs is dropped until a later call finds it. On an error nothing
	// has changed.
	SetOutputs(devices map[uint16]string) (faults Faults, err error)

	// Sync puts the services as they are now in force, with the members and
	// marks of their groups: every packet received after it returns is
	// forwarded by them. On an error the state before stays in force.
	Sync(services []Service) error

	// Run forwards until ctx ends, and then returns nil; or it returns the
	// error that it can't go on after.
	Run(ctx context.Context) error

	// Counters adds up what the plane has seen since it was made.
	Counters() Counters

	// Find tells where a frame would go that came in now, and changes nothing:
	// no pin, no counter. It is safe for concurrent use, and not on the way of
	// packets. An error says why the plane forwards none.
	Find(frame []byte) (Found, error)

	// Flows is the plane's memory of flows; nil without stickiness.
	Flows() Flows

	// Close gives back all that the plane holds, after Run has returned.
	Close() error
}

// Config is what a plane is made of.
type Config struct {
	In      []string // the interfaces that packets come in by
	Workers int      // that share the packets of each of In; 0: one
	Seed    uint64   // of the hash, symmetric XX of the key of each service
	Domain  *selector.Domain
	Sticky  *flowcache.Config // nil: no stickiness; its first class is that of flows that are many connections
	Reset   bool              // answer a TCP packet of a flow whose member died by a RST

	ICMP      ICMP                      // what senders are told, and pings
	Fragments flowcache.FragmentsConfig // with Seed in place of its own

	Sharer Sharer // shares flows with other gateways; nil: nobody does
}

// A Service is a group of members and what it is the next hop of: all that is
// for its prefixes, or the packets of one protocol, or those of its ports. Of
// several services that have a packet the one with the port gets it, or else
// the one with the protocol, or else the one with the longest prefix.
type Service struct {
	Prefixes []netip.Prefix // single addresses, if there is a protocol
	Protocol uint8          // of IP, ICMP standing for that of both versions; 0: all
	Ports    []PortRange    // of tcp, udp and sctp; none: all, and packets without ports
	Key      placement.Key  // what makes packets one flow
	Group    *engine.Group
	Own      bool // its single addresses are the gateway's, and no hosts behind members: see ICMP
}

// Equal reports whether o is the same group with the same packets.
func (s Service) Equal(o Service) bool {
	return s.Group == o.Group && s.Own == o.Own && s.Protocol == o.Protocol && s.Key == o.Key &&
		equal(s.Prefixes, o.Prefixes) && equal(s.Ports, o.Ports)
}

// equal does not read lists that are one, as those of services that did not
// change are.
func equal[E comparable](a, b []E) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// Found is where a frame would go, and why.
type Found struct {
	// why nowhere; NoRoute is that it is for no service, and Answered that it is a
	// ping that the gateway answers
	Drop   engine.Drop
	Here   bool            // of NoRoute: services have other packets to its address
	Taken  bool            // of Here: the plane took it from the kernel, and drops it
	View   *selector.View  // of its group; nil if it is for no service
	Route  flowcache.Route // what becomes of it: a member of View, or none
	Placed int32           // the member of View that takes its flow if it is new; -1: none

	Pinned bool // its flow has a pin
	Pin    flowcache.Pin
}

// Flows is a plane's memory of flows. Its methods but Restore are safe for
// concurrent use.
type Flows interface {
	// from one pass over all flows
	Stats() FlowStats

	// Moved is that of FlowStats, at once.
	Moved() uint64

	// All yields the pins that have not expired, while the plane works: some
	// may come twice, or not at all.
	All() iter.Seq[flowcache.Pin]

	// Life returns what a state of a pin is called, and how long after its last
	// packet a flow in that state is forgotten.
	Life(flowcache.State) (name string, timeout time.Duration)

	// flows pinned to each member that has any, by View.Slot, from one pass
	// over all flows
	Pins() map[selector.Slot]int

	// Release says which flows go elsewhere from now on, each with its next
	// packet, as if their member had left: those of the drained members of the
	// list, and of no others. It holds until it is called again; for a member
	// that takes new flows or leaves, until then. Where a member loses all,
	// silent flows are forgotten a while later. On an error nothing has changed.
	Release(list []Release) error

	// Save writes all pins, and Restore takes them up again after a restart, by
	// the IDs of the members of the groups. See [flowcache.Table.Save].
	Save(w io.Writer) error
	Restore(r io.Reader, groups ...*engine.Group) error
}

// A Release is the end of a drain. A member that the group does not have, or
// that is not drained, loses nothing by it.
type Release struct {
	Group  *engine.Group
	Member string // its ID
	Which  Released
}

// Released says which flows a drained member loses.
type Released uint8

// The flows that a drained member loses.
const (
	Kept           Released = iota // none
	Connectionless                 // those without a connection: all but TCP, and those that are many connections
	Everything
)

// FlowStats says how full a flow memory is and what became of flows.
type FlowStats struct {
	Capacity int    // flows there is room for
	Flows    int    // of which there are now
	Placed   uint64 // new flows so far
	Moved    uint64 // flows whose member left
	Refused  uint64 // flows there was no room for

	Detoured   uint64 // packets of flows whose member was down, sent to another
	Rebalanced uint64 // flows whose member left their group, and is in another one of their scope
	Evicted    uint64 // flows on probation that made room for others; xdp: 0, since the kernel does that unseen
	Expired    uint64 // flows forgotten, since they were silent for too long; xdp: established ones alone
}

// plus adds up what two planes did, one after the other.
func (s FlowStats) plus(o FlowStats) FlowStats {
	return FlowStats{
		Capacity: o.Capacity, Flows: o.Flows,
		Placed: s.Placed + o.Placed, Moved: s.Moved + o.Moved, Refused: s.Refused + o.Refused,
		Detoured: s.Detoured + o.Detoured, Rebalanced: s.Rebalanced + o.Rebalanced,
		Evicted: s.Evicted + o.Evicted, Expired: s.Expired + o.Expired,
	}
}
