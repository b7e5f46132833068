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
		"Bounded":              {selector.Bounded{}, selectortest.Options{Imbalance: 0.02, Disruption: 1.01}},
		"Bounded of 100":       {selector.Bounded{Seed: 1}, selectortest.Options{Members: 100, Imbalance: 0.045, Disruption: 1.03}},
		"Bounded of 300":       {selector.Bounded{Seed: 2}, selectortest.Options{Members: 300, Imbalance: 0.06, Disruption: 1.2}},
		"Bounded, none":        {selector.Bounded{Slack: selector.NoSlack}, selectortest.Options{Disruption: 1.1}},
		"Bounded, unlimited":   {selector.Bounded{Slack: selector.UnlimitedSlack}, selectortest.Options{Imbalance: 0.02}},
		"Bounded, small": {
			selector.Bounded{Slots: 1024, Slack: selector.UnlimitedSlack}, selectortest.Options{Imbalance: 0.15},
		},
		"Jump": {selector.Jump{}, selectortest.Options{AtEnd: true}},
	} {
		t.Run(name, func(t *testing.T) { selectortest.Test(t, c.strategy, c.options) })
	}
}
