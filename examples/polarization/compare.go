package main

import (
	"math/rand/v2"

	"github.com/ecmp-go/ecmp/hash"
)

// A scenario is a hasher, with one seed for all switches or with one for each.
type scenario struct {
	name     string
	seedEach bool
}

func scenarios() (all []scenario) {
	for _, h := range hashers() {
		if h.compared {
			all = append(all, scenario{h.name, false}, scenario{h.name, true})
		}
	}
	return all
}

// A result is the number of flows on each link in a scenario, by tier.
type result struct {
	scenario
	loads [][]int
}

// play sends the flows through the tiers of a plan, whose hashes and seeds are
// those of the scenario.
func (s scenario) play(p plan, flows []hash.FlowKey, seed uint64) (r result, err error) {
	seeds := rand.New(rand.NewPCG(seed, 3))
	shared := uint64(seeds.Uint32())
	p = p.clone()
	for i := range p.Tiers[:len(p.Tiers)-1] {
		t := &p.Tiers[i]
		t.Hash, t.Seeds = s.name, []uint64{shared}
		if s.seedEach {
			t.Seeds = nil
			for range t.Switches {
				t.Seeds = append(t.Seeds, uint64(seeds.Uint32()))
			}
		}
	}
	loads, err := p.play(flows)
	return result{s, loads}, err
}
