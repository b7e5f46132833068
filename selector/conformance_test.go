package selector_test

import (
	"math"
	"testing"

	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/selector/selectortest"
)

func TestConformance(t *testing.T) {
	for name, c := range map[string]struct {
		strategy selector.Strategy
		options  selectortest.Options
	}{
		"Modulo":               {selector.Modulo{}, selectortest.Options{Disruption: math.Inf(1)}},
		"Modulo keep order":    {selector.Modulo{KeepOrder: true}, selectortest.Options{Disruption: math.Inf(1)}},
		"Threshold":            {selector.Threshold{}, selectortest.Options{Disruption: math.Inf(1)}},
		"Threshold keep order": {selector.Threshold{KeepOrder: true}, selectortest.Options{Disruption: math.Inf(1)}},
		"Rendezvous":           {selector.Rendezvous{}, selectortest.Options{}},
		"Rendezvous of 4":      {selector.Rendezvous{Seed: 1}, selectortest.Options{Members: 4}},
		"Rendezvous of 100":    {selector.Rendezvous{Seed: 2}, selectortest.Options{Members: 100}},
		"Maglev":               {selector.Maglev{}, selectortest.Options{Disruption: 1.12}},
		"Maglev seeded":        {selector.Maglev{Seed: 3}, selectortest.Options{Disruption: 1.12}},
		"Maglev of 300":        {selector.Maglev{Size: 655373}, selectortest.Options{Members: 300, Disruption: 1.8}},
		"Maglev, small":        {selector.Maglev{Size: 1021}, selectortest.Options{Disruption: 1.5, Imbalance: 0.03}},
		"Anchor":               {selector.Anchor{}, selectortest.Options{EqualOnly: true}},
		"Anchor of 100": {selector.Anchor{Capacity: 300, Seed: 4}, selectortest.Options{Members: 100,
			EqualOnly: true}},
		"Memento":        {selector.Memento{}, selectortest.Options{EqualOnly: true}},
		"Memento of 100": {selector.Memento{Seed: 4}, selectortest.Options{Members: 100, EqualOnly: true}},
		"Resilient":      {selector.Resilient{}, selectortest.Options{}},
		"Resilient of 300": {selector.Resilient{Buckets: 5000, Seed: 4}, selectortest.Options{Members: 300,
			Imbalance: 0.1}},
		"Ring": {selector.Ring{}, selectortest.Options{Imbalance: 0.11, Disruption: 1.6}},
		"Ring of 50": {selector.Ring{Points: 50, Seed: 4}, selectortest.Options{Members: 50,
			Imbalance: 0.2, Disruption: 1.5}},
		"MultiProbe": {selector.MultiProbe{}, selectortest.Options{Samples: 30_000, Imbalance: 0.25,
			Disruption: 1.6}},
		"MultiProbe of 20": {selector.MultiProbe{Probes: 5, Seed: 4}, selectortest.Options{Members: 20,
			Imbalance: 0.4, Disruption: 2}},
		"Bounded": {selector.Bounded{}, selectortest.Options{Imbalance: 0.02, Disruption: 1.01}},
		"Bounded of 100": {selector.Bounded{Seed: 1}, selectortest.Options{Members: 100, Imbalance: 0.045,
			Disruption: 1.03}},
		"Bounded of 300": {selector.Bounded{Seed: 2}, selectortest.Options{Members: 300, Imbalance: 0.06,
			Disruption: 1.2}},
		"Bounded, none": {selector.Bounded{Slack: selector.NoSlack}, selectortest.Options{Disruption: 1.1}},
		"Bounded, unlimited": {selector.Bounded{Slack: selector.UnlimitedSlack},
			selectortest.Options{Imbalance: 0.02}},
		"Bounded, small": {
			selector.Bounded{Slots: 1024, Slack: selector.UnlimitedSlack}, selectortest.Options{Imbalance: 0.15},
		},
		"Jump": {selector.Jump{}, selectortest.Options{AtEnd: true}},
	} {
		if c.options.Samples == 0 {
			c.options.Samples = 30_000 // less than the default: there are many strategies
		}
		t.Run(name, func(t *testing.T) { selectortest.Test(t, c.strategy, c.options) })
	}
}
