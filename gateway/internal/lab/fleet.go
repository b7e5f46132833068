package lab

import (
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
)

// What the flows of a fleet go through. The kernel's way has no gateways: the
// upstream router spreads flows over the pods itself.
const (
	WithPins    = "pins shared"
	WithoutPins = "pins not shared"
	ByKernel    = "kernel ECMP"
)

// Ways returns what a fleet is played for, in the order of the table. A data
// plane that keeps flows in the kernel shares members alone.
func Ways(name string) []string {
	if kind, _ := plane.Find(planes.All(), name); !kind.SharesPins {
		return []string{WithoutPins, ByKernel}
	}
	return []string{WithPins, WithoutPins, ByKernel}
}

// FleetConfig says what to play to several gateways that are a cluster. They
// announce themselves by BGP to an upstream router, which spreads flows over
// them by the kernel's ECMP, and whose hash moves flows of all of them whenever
// one comes or goes.
type FleetConfig struct {
	Plane       string // of the gateways
	IPv6        bool   // else IPv4
	Way         string // one of Ways
	Gateways    int    // MinFleet to MaxFleet, and one more that joins
	Connections int    // TCP connections, and as many UDP flows; half as many more after each event
	Seed        uint64 // of the upstream router's hash, and of the cluster's secret

	Program  string // as in Config
	Strategy string
	Short    bool // a part of the events alone

	Log func(string)
}

// The gateways that a fleet may begin with.
const (
	MinFleet = 3
	MaxFleet = 6
)

// MaxFleetConnections is set by the ports that there are.
const MaxFleetConnections = 500

// FleetResult is what the events did to the flows.
type FleetResult struct {
	Way   string      `json:"way"`
	Steps []FleetStep `json:"steps"`
}

// FleetStep is what one event did.
type FleetStep struct {
	Event       string `json:"event"`
	Connections Fates  `json:"connections"`
	Flows       Fates  `json:"udp_flows"`
}

// Fates are what became of flows. One that broke, or moved, is own if its pod
// left by the event.
type Fates struct {
	Kept       int `json:"kept"`
	Own        int `json:"broken_own"`
	Collateral int `json:"broken_collateral"`
}

// Broken returns how many flows broke, or moved, for nothing.
func (r *FleetResult) Broken() (connections, flows int) {
	for _, s := range r.Steps {
		connections, flows = connections+s.Connections.Collateral, flows+s.Flows.Collateral
	}
	return connections, flows
}
