// Package lab plays changes of a group to live connections: a client, a router
// and four pods in network namespaces, with real TCP connections and UDP flows
// to a virtual address that all the pods have, and a data plane on the router
// that spreads them. The pods answer the client directly. What the changes do
// to the connections is counted, for the kernel's own ECMP as for the data
// planes of the gateway.
//
// It is for Linux and needs root and ip of iproute2. The namespaces are called
// ecmp-PID-NAME. They are removed at the end, and those of a run that crashed
// at the beginning of the next.
package lab

import (
	"errors"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
)

// The data planes of the kernel: a route over a group of nexthop objects,
// hash-threshold or resilient with 4,096 buckets. Each packet is hashed under
// policy 3 by its five-tuple. They know no drain: there it is a removal.
const (
	KernelMpath     = "kernel-mpath"
	KernelResilient = "kernel-resilient"
)

// Planes returns the names of all data planes, the kernel's first.
func Planes() []string {
	return append([]string{KernelMpath, KernelResilient}, plane.Names(planes.All())...)
}

// Config says what to play.
type Config struct {
	Plane       string // one of Planes
	Connections int    // TCP connections, and as many UDP flows, 1 to MaxConnections
	IPv6        bool   // else IPv4
	Seed        uint64 // of the hash; of the kernel's the lower 32 bits, which must not be 0

	// Of the gateway's planes:
	Tunnel   string // one of Tunnels: how packets come to the pods; empty: on the link
	Program  string // the gateway: "PROGRAM run -config FILE" is run on the router
	Strategy string
	Sticky   bool
	Loopback bool // it is told what to do over TCP to its loopback, else over a unix socket
	// Kill ends the gateway by SIGKILL for its restart, in place of SIGTERM.
	// Its last snapshot is up to a second old then.
	Kill bool

	Log func(string) // is told how far it is, a line at a time
}

// Kernel reports whether the data plane is one of the kernel's.
func (c *Config) Kernel() bool { return c.Plane == KernelMpath || c.Plane == KernelResilient }

// Tunnels between the gateway and the pods, by what their outer header is. What
// is in them is of the version of the connections. A pod takes the outer header
// off by an XDP program, since not every kernel has a device that does.
const (
	TunnelIPv4 = "ipv4"
	TunnelIPv6 = "ipv6"
)

// Tunnels returns both.
func Tunnels() []string { return []string{TunnelIPv4, TunnelIPv6} }

// The most connections are set by the ports that there are. Run uses none
// twice, and RunSoak none twice in a minute.
const (
	MaxConnections     = 5000
	MaxSoakConnections = 1000
)

// ErrUnsupported says that the lab cannot run here, whatever the data plane.
var ErrUnsupported = errors.New("the lab needs Linux, root, and ip of iproute2")

// A Result is what the changes did under one data plane.
type Result struct {
	Plane string `json:"plane"`
	Steps []Step `json:"steps"`
	// from the end of the gateway to its being back
	Pause time.Duration `json:"pause_ns,omitempty"`
}

// A Step is what one change did to connections that were made before it, and to
// new ones.
type Step struct {
	Event       string      `json:"event"`
	Connections Connections `json:"connections"`
	Flows       Flows       `json:"udp_flows"`
	New         New         `json:"new"`
}

// Connections is what became of the TCP connections. One that moves to another
// pod breaks.
type Connections struct {
	Kept       int `json:"kept"`
	Own        int `json:"broken_own"`        // they were to the pod that left the group
	Collateral int `json:"broken_collateral"` // they were to a pod that stayed

	// How those that broke ended: by a reset, or by no answer for a time.
	Reset    int           `json:"reset"`
	TimedOut int           `json:"timed_out"`
	Waited   time.Duration `json:"waited_ns"` // the longest time from a packet to its reset
}

// Flows is what became of the UDP flows.
type Flows struct {
	Kept       int `json:"kept"`
	Own        int `json:"moved_own"`        // off the pod that left the group
	Collateral int `json:"moved_collateral"` // off a pod that stayed
	Lost       int `json:"lost"`             // no pod answers any more
}

// New says where flows went that began after the change.
type New struct {
	// those in question: that joined, or are to get nothing
	Pods        []string `json:"pods"`
	Connections int      `json:"connections"` // to these pods
	Flows       int      `json:"udp_flows"`   // to these pods
	Due         float64  `json:"due"`         // of either
}
