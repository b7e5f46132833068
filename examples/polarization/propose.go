package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/ecmp-go/ecmp/hash"
)

// A check is what a simulation of a plan shows.
type check struct {
	Tiers []tier `json:"tiers"`

	// Polarized says that links stay empty that chance would not leave empty, or
	// that one has much more than its share.
	Polarized bool `json:"polarized"`

	// TooFew says that there are too few flows to tell that the plan is good.
	TooFew bool `json:"too_few_flows,omitempty"`
}

const (
	fewest = 30  // flows a link on average that it takes to call a plan good
	spread = 1.5 // the most that a link may have, in parts of the mean
	filled = 0.8 // the least part of the links used, of what chance leads to expect
	tail   = 8   // flows that a link may have beyond that, where there are few
)

// try simulates a plan.
func (p plan) try(flows []hash.FlowKey) (c check, err error) {
	loads, err := p.play(flows)
	if err != nil {
		return c, err
	}
	for i, load := range loads {
		t := newTier(load)
		t.From, t.To = p.Tiers[i].Name, p.Tiers[i+1].Name
		width := p.Tiers[i+1].Switches
		for at, n := range load {
			if n == 0 {
				t.Empty = append(t.Empty, [2]int{at / width, at % width})
			}
		}
		c.TooFew = c.TooFew || len(flows) < fewest*len(load)
		c.Polarized = c.Polarized || t.polarized(len(flows))
		c.Tiers = append(c.Tiers, t)
	}
	return c, nil
}

// polarized reports that chance does not load the links of a tier like this, of
// however few flows. With m flows a link on average, it leaves e^-m of them
// empty, with the standard deviation of balls that are thrown into bins. The
// largest load may be six standard deviations more than spread, and where m is
// small, by the tail of the Poisson distribution more.
func (t tier) polarized(flows int) bool {
	links := float64(t.Links)
	m := float64(flows) / links
	most := spread + 6/math.Sqrt(m)
	if m >= fewest {
		return len(t.Empty) > 0 || t.Max > most
	}
	empty := math.Exp(-m)
	deviation := math.Sqrt(links * empty * (1 - (1+m)*empty))
	return float64(t.Used) < filled*links*(1-empty)-4*deviation || t.Max > most+tail/m
}

// A proposal is a change of a plan that keeps it from being polarized.
type proposal struct {
	How  string `json:"how"` // in words
	Plan plan   `json:"plan"`
	check
}

// propose returns a plan like p whose links all carry their share, with what to
// set, or nil if there is none: with a seed of its own for each tier, or where
// that does not help, with the hash rotated by another number of bits in each.
func (p plan) propose(flows []hash.FlowKey, seed uint64) (*proposal, error) {
	for _, change := range []func(plan, []hash.FlowKey, uint64) (plan, string, error){proposeSeeds, proposeRotations} {
		better, how, err := change(p.clone(), sample(p, flows), seed)
		if err != nil {
			return nil, err
		}
		if how == "" {
			continue
		}
		c, err := better.try(flows)
		if err != nil {
			return nil, err
		}
		if !c.Polarized {
			return &proposal{how, better, c}, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// enough returns how many flows it takes to call a plan good.
func (p plan) enough() int {
	links := 0
	for i := range len(p.Tiers) - 1 {
		links = max(links, p.Tiers[i].Switches*p.Tiers[i+1].Switches)
	}
	return fewest * links
}

// sample returns as many flows as a search needs.
func sample(p plan, flows []hash.FlowKey) []hash.FlowKey {
	return flows[:min(len(flows), max(20_000, 2*p.enough()))]
}

// proposeSeeds gives each tier behind the first a seed of its own.
func proposeSeeds(p plan, flows []hash.FlowKey, seed uint64) (plan, string, error) {
	r := rand.New(rand.NewPCG(seed, 4))
	const tries = 4
	for try := range tries {
		var words []string
		for i := 1; i < len(p.Tiers)-1; i++ {
			next := p.Tiers[0].Seeds[0] + uint64(i)
			if next == 0 || next > math.MaxUint32 { // not a seed of every hash
				next = uint64(i)
			}
			if try > 0 {
				next = uint64(r.Uint32N(1<<16-1)) + 1
			}
			p.Tiers[i].Seeds = []uint64{next}
			words = append(words, fmt.Sprintf("%s seed %d", p.Tiers[i].Name, p.Tiers[i].Seeds[0]))
		}
		c, err := p.try(flows)
		if err != nil || !c.Polarized {
			return p, strings.Join(words, ", "), err
		}
	}
	return p, "", nil
}

// proposeRotations rotates the hash of each tier behind the first by the number
// of bits that spreads its flows best.
func proposeRotations(p plan, flows []hash.FlowKey, _ uint64) (plan, string, error) {
	var words []string
	for i := 1; i < len(p.Tiers)-1; i++ {
		upTo := plan{append([]planTier(nil), p.Tiers[:i+2]...)}
		last := &upTo.Tiers[i+1]
		*last = planTier{Name: last.Name, Switches: last.Switches}
		best, peak := -1, 0.0
		for rotate := range 32 {
			upTo.Tiers[i].Rotate = rotate
			c, err := upTo.try(flows)
			if err != nil {
				return p, "", err
			}
			if most := c.Tiers[i].Max; !c.Tiers[i].polarized(len(flows)) && (best < 0 || most < peak) {
				best, peak = rotate, most
			}
		}
		if best < 0 {
			return p, "", nil
		}
		p.Tiers[i].Rotate = best
		words = append(words, fmt.Sprintf("%s rotated by %d bits", p.Tiers[i].Name, best))
	}
	return p, strings.Join(words, ", "), nil
}
