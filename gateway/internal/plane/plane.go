// Package plane moves packets between the interfaces of a router: one [Plane]
// for each technique that Linux offers.
//
// # Speed
//
// Packets of 60 bytes a second of processor time, in thousands, on two virtual
// processors with Linux 6.18, between veth interfaces, without stickiness,
// beside the kernel's own forwarding: medians of five rounds, the better of 256
// packets and any number on their way, by
//
//	go build -o throughput ./gateway/internal/throughput && ./throughput && ./throughput -stack
//
//	            members receive in XDP     in their stacks
//	kernel           1388   1.00x           1277   1.00x
//	afpacket          338   0.24x            375   0.29x
//	afxdp             644   0.46x            771   0.60x
//	xdp              4539   3.27x           2153   1.69x
//
// The figures of single rounds are up to a third apart; with any number on
// their way the kernel forwards less, 836 and 1122. All of the time is counted
// that the gateway's processor takes. Less than half of it is that of the
// gateway's process, sending included; the kernel's threads take the rest, to
// receive, and to hand packets to the members. A member that receives in XDP
// copies what was sent through a socket.
//
// One TCP connection through afpacket, with the offloads of veth, had 0.6 of
// the bits a second that it had through the kernel. Run the program with
// -sticky for the cost of remembering flows, which is large for xdp: each
// packet of the test is of one of 65,536 flows, in no order.
package plane

import (
	"context"
	"io"
	"net/netip"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
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
	// for. It opens what is new and closes what is gone; it is called before a
	// group refers to what is new, and after no group refers any more to what
	// is gone. On an error nothing has changed.
	SetOutputs(devices map[uint16]string) error

	// Sync puts the services as they are now in force, with the members and
	// marks of their groups: every packet received after it returns is
	// forwarded by them. On an error the state before stays in force.
	Sync(services []Service) error

	// Run forwards until ctx ends, and then returns nil; or it returns the
	// error that it can't go on after.
	Run(ctx context.Context) error

	// Counters adds up what the plane has seen since it was made.
	Counters() Counters

	// Flows is the plane's memory of flows; nil without stickiness.
	Flows() Flows

	// Close gives back all that the plane holds, after Run has returned.
	Close() error
}

// Config is what a plane is made of.
type Config struct {
	In      []string // the interfaces that packets come in by
	Workers int      // that share the packets of each of In; 0: one
	Seed    uint64   // of the hash, symmetric XX of the five-tuple
	Domain  *selector.Domain
	Sticky  *flowcache.Config // nil: no stickiness
	Reset   bool              // answer a TCP packet of a flow whose member died by a RST
}

// A Service is a group of members and the destinations that it is the next hop
// of.
type Service struct {
	Prefixes []netip.Prefix
	Group    *engine.Group
}

// Counters are those of all the workers of a plane.
type Counters struct {
	In      engine.Traffic
	Members map[uint16]engine.Traffic // by Adjacency.Output
	Replies engine.Traffic            // sent back to where they came from
	// frames, by reason, those that the kernel dropped before the plane saw
	// them included
	Dropped map[string]uint64
}

// Flows is a plane's memory of flows.
type Flows interface {
	Stats() FlowStats
	// flows pinned to each member that has any, by View.Slot, from one pass
	// over all flows
	Pins() map[selector.Slot]int

	// Save writes all pins, and Restore takes them up again after a restart, by
	// the IDs of the members of the groups. See [flowcache.Table.Save].
	Save(w io.Writer) error
	Restore(r io.Reader, groups ...*engine.Group) error
}

// FlowStats says how full a flow memory is and what became of flows.
type FlowStats struct {
	Capacity int    // flows there is room for
	Flows    int    // of which there are now
	Placed   uint64 // new flows so far
	Moved    uint64 // flows whose member left
	Refused  uint64 // flows there was no room for
}
