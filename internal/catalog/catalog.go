// Package catalog lists the strategies of package selector, one row each. Every
// other list of strategies in the repository ranges over it: golden files,
// conformance, fingerprints, models, benchmarks, and the names that programs
// take. TestStrategiesAreComplete in selector says what a row lacks.
//
// LinuxResilient is not here, since it is no Strategy.
package catalog

import (
	"math"
	"slices"

	"github.com/ecmp-go/ecmp/selector"
)

// Default is the name of the strategy that programs take unless told otherwise.
const Default = "bounded"

// A Row is a strategy.
type Row struct {
	Name     string            // of Strategy, as selector.ParseStrategy reads it
	Strategy selector.Strategy // at its recommended setting

	// EqualOnly says that the strategy refuses unequal positive weights.
	EqualOnly bool

	// Disruption is the greatest ratio of moved to forced hashes when one of
	// ten equal members comes or goes: 1 if nothing moves without need, +Inf if
	// there is no such promise.
	Disruption float64

	// Variants are the other settings whose placement and fingerprint the
	// golden file pins.
	Variants []selector.Strategy

	// Claims are what the conformance suite checks. The first is of Strategy.
	Claims []Claim
}

// A Claim is a setting of a strategy and what selectortest.Options says of it,
// where each field is explained.
type Claim struct {
	Strategy   selector.Strategy
	Members    int
	Imbalance  float64
	Disruption float64
	AtEnd      bool
}

// All returns every strategy.
func All() []Row {
	return []Row{
		{
			Name: "modulo", Strategy: selector.Modulo{}, Disruption: math.Inf(1),
			Variants: []selector.Strategy{selector.Modulo{KeepOrder: true}},
			Claims: []Claim{
				{Strategy: selector.Modulo{}, Disruption: math.Inf(1)},
				{Strategy: selector.Modulo{KeepOrder: true}, Disruption: math.Inf(1)},
			},
		},
		{
			Name: "threshold", Strategy: selector.Threshold{}, Disruption: math.Inf(1),
			Variants: []selector.Strategy{selector.Threshold{KeepOrder: true}},
			Claims: []Claim{
				{Strategy: selector.Threshold{}, Disruption: math.Inf(1)},
				{Strategy: selector.Threshold{KeepOrder: true}, Disruption: math.Inf(1)},
			},
		},
		{
			Name: "rendezvous", Strategy: selector.Rendezvous{}, Disruption: 1,
			Variants: []selector.Strategy{selector.Rendezvous{Seed: 42}, selector.Rendezvous{Seed: math.MaxUint64}},
			Claims: []Claim{
				{Strategy: selector.Rendezvous{}},
				{Strategy: selector.Rendezvous{Seed: 1}, Members: 4},
				{Strategy: selector.Rendezvous{Seed: 2}, Members: 100},
			},
		},
		{
			Name: "maglev", Strategy: selector.Maglev{}, Disruption: 1.05,
			Variants: []selector.Strategy{
				selector.Maglev{Seed: 42}, selector.Maglev{Size: 1021}, selector.Maglev{Size: 655373},
			},
			Claims: []Claim{
				{Strategy: selector.Maglev{}, Disruption: 1.12},
				{Strategy: selector.Maglev{Seed: 3}, Disruption: 1.12},
				{Strategy: selector.Maglev{Size: 655373}, Members: 300, Disruption: 1.8},
				{Strategy: selector.Maglev{Size: 1021}, Disruption: 1.5, Imbalance: 0.03},
			},
		},
		{
			Name: "bounded", Strategy: selector.Bounded{}, Disruption: 1.01,
			Variants: []selector.Strategy{
				selector.Bounded{Seed: 42},
				selector.Bounded{Slots: 1024, Slack: selector.NoSlack},
				selector.Bounded{Slots: 4096, Slack: selector.UnlimitedSlack},
				selector.Bounded{Slots: 1 << 18, Slack: 20},
			},
			Claims: []Claim{
				{Strategy: selector.Bounded{}, Imbalance: 0.02, Disruption: 1.01},
				{Strategy: selector.Bounded{Seed: 1}, Members: 100, Imbalance: 0.045, Disruption: 1.03},
				{Strategy: selector.Bounded{Seed: 2}, Members: 300, Imbalance: 0.06, Disruption: 1.2},
				{Strategy: selector.Bounded{Slack: selector.NoSlack}, Disruption: 1.1},
				{Strategy: selector.Bounded{Slack: selector.UnlimitedSlack}, Imbalance: 0.02},
				{Strategy: selector.Bounded{Slots: 1024, Slack: selector.UnlimitedSlack}, Imbalance: 0.15},
			},
		},
		{
			Name: "jump", Strategy: selector.Jump{}, Disruption: math.Inf(1),
			Claims: []Claim{{Strategy: selector.Jump{}, AtEnd: true}},
		},
		{
			Name: "ring", Strategy: selector.Ring{}, Disruption: 1,
			Variants: []selector.Strategy{selector.Ring{Points: 20, Seed: 42}},
			Claims: []Claim{
				{Strategy: selector.Ring{}, Imbalance: 0.11, Disruption: 1.6},
				{Strategy: selector.Ring{Points: 50, Seed: 4}, Members: 50, Imbalance: 0.2, Disruption: 1.5},
			},
		},
		{
			Name: "multiprobe", Strategy: selector.MultiProbe{}, Disruption: 1,
			Variants: []selector.Strategy{selector.MultiProbe{Probes: 5, Seed: 42}},
			Claims: []Claim{
				{Strategy: selector.MultiProbe{}, Imbalance: 0.25, Disruption: 1.6},
				{Strategy: selector.MultiProbe{Probes: 5, Seed: 4}, Members: 20, Imbalance: 0.4, Disruption: 2},
			},
		},
		{
			Name: "resilient", Strategy: selector.Resilient{}, Disruption: 1,
			Variants: []selector.Strategy{selector.Resilient{Buckets: 1000, Seed: 42}},
			Claims: []Claim{
				{Strategy: selector.Resilient{}},
				{Strategy: selector.Resilient{Buckets: 5000, Seed: 4}, Members: 300, Imbalance: 0.1},
			},
		},
		{
			Name: "anchor", Strategy: selector.Anchor{}, EqualOnly: true, Disruption: 1,
			Variants: []selector.Strategy{selector.Anchor{Capacity: 500, Seed: 42}},
			Claims: []Claim{
				{Strategy: selector.Anchor{}},
				{Strategy: selector.Anchor{Capacity: 300, Seed: 4}, Members: 100},
			},
		},
		{
			Name: "memento", Strategy: selector.Memento{}, EqualOnly: true, Disruption: 1,
			Variants: []selector.Strategy{selector.Memento{Seed: 42}},
			Claims: []Claim{
				{Strategy: selector.Memento{}},
				{Strategy: selector.Memento{Seed: 4}, Members: 100},
			},
		},
	}
}

// Settings returns the strategy and its variants.
func (r Row) Settings() []selector.Strategy {
	return append([]selector.Strategy{r.Strategy}, r.Variants...)
}

// Imbalance returns what Strategy claims: by how much shares may differ from
// their due, beside what sampling explains.
func (r Row) Imbalance() float64 {
	if len(r.Claims) == 0 {
		return 0
	}
	return r.Claims[0].Imbalance
}

// Level returns members with weights that the strategy serves: where it serves
// equal weights only, each positive weight becomes 1.
func (r Row) Level(members []selector.Member) []selector.Member {
	if !r.EqualOnly {
		return members
	}
	members = slices.Clone(members)
	for i := range members {
		members[i].Weight = min(members[i].Weight, 1)
	}
	return members
}

// Names returns the names of all strategies.
func Names() []string {
	var names []string
	for _, r := range All() {
		names = append(names, r.Name)
	}
	return names
}
