package lab

// What the flows of a fleet go through. The kernel's way has no gateways: the
// upstream router spreads flows over the pods itself.
const (
	WithPins    = "pins shared"
	WithoutPins = "pins not shared"
	ByKernel    = "kernel ECMP"
)

// Ways returns what a fleet is played for, in the order of the table.
func Ways() []string { return []string{WithPins, WithoutPins, ByKernel} }

// FleetConfig says what to play to several gateways that are a cluster: an
// upstream router spreads flows over them by the kernel's ECMP, and rehashes
// whenever one of them comes or goes.
type FleetConfig struct {
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
