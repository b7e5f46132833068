package main

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// What happens, in virtual time. Pod i begins to drain at upgrade + i*step.
// Since then it takes drained until it is stopped, and booted until it is back
// as another one.
const (
	span    = 10 * time.Minute // connections begin
	upgrade = time.Minute
	step    = 40 * time.Second
	drained = 20 * time.Second
	booted  = 30 * time.Second

	failure  = 5*time.Minute + 30*time.Second // of gateway 0
	recovery = 7 * time.Minute                // it is back, and knows nothing
	interval = 3 * time.Second                // between packets of a connection

	shortest = 3 * time.Second // that a connection lasts
	longest  = 10 * time.Minute
	shape    = 1.2 // of Pareto's distribution

	pods     = 10
	gateways = 4
)

// A scenario is what a simulation depends on.
type scenario struct {
	strategy    selector.Strategy
	sticky      bool
	connections int // begun in a span, on average
	seed        uint64
}

// An outcome is what became of the connections of a simulation.
type outcome struct {
	Connections int `json:"connections"`
	Stopped     int `json:"pod_stopped"`     // lost with their pod
	Changed     int `json:"same_gateway"`    // lost at the gateway of their last packet
	Moved       int `json:"another_gateway"` // lost since they came through another gateway

	lost []time.Duration // when each of Changed and Moved was
}

// A result is the outcomes under a strategy.
type result struct {
	Strategy string  `json:"strategy"`
	Plain    outcome `json:"plain"`
	Sticky   outcome `json:"sticky"`
}

func podName(i int) string {
	return fmt.Sprint("pod", i)
}
