package main

import (
	"math"
	"slices"

	"github.com/ecmp-go/ecmp/selector"
)

// A cost is what a change moves, in shares of all hashes.
type cost struct {
	Step    string  `json:"step"`
	Moved   float64 `json:"moved"`
	Forced  float64 `json:"forced"`   // of these, those that had to
	Due     float64 `json:"due"`      // what any placement must move
	Highest float64 `json:"heaviest"` // the greatest load after it, over what the member is due
}

// A plan is a group with the changes that are made to it one after another.
type plan struct {
	group    *selector.Group[struct{}]
	members  []selector.Member
	snapshot *selector.Snapshot[struct{}]
}

func newPlan(s selector.Strategy, members []selector.Member) (*plan, error) {
	group, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Strategy: s})
	if err != nil {
		return nil, err
	}
	p := &plan{group: group, members: members}
	p.snapshot, err = group.Update(hops(members))
	return p, err
}

func hops(members []selector.Member) []selector.Hop[struct{}] {
	list := make([]selector.Hop[struct{}], len(members))
	for i, m := range members {
		list[i] = selector.Hop[struct{}]{ID: m.ID, Weight: m.Weight}
	}
	return list
}

// try tells what steps would do if they were made at once.
func (p *plan) try(steps ...step) (*selector.Snapshot[struct{}], error) {
	members, strategy := p.members, selector.Strategy(nil)
	for _, s := range steps {
		var err error
		if members, err = s.apply(members); err != nil {
			return nil, err
		}
		if s.strategy != nil {
			strategy = s.strategy
		}
	}
	return p.group.Plan(strategy, hops(members))
}

// make makes a step and returns what it cost.
func (p *plan) make(s step) (c cost, err error) {
	old := p.snapshot
	if p.members, err = s.apply(p.members); err != nil {
		return c, err
	}
	if s.strategy != nil {
		p.snapshot, err = p.group.SetStrategy(s.strategy)
	} else {
		p.snapshot, err = p.group.Update(hops(p.members))
	}
	if err != nil {
		return c, err
	}
	return newCost(s.String(), p.snapshot, old), nil
}

func newCost(what string, now, old *selector.Snapshot[struct{}]) cost {
	d, highest := now.Diff(old), 0.0
	due := now.View().Due()
	for i, share := range now.View().Shares() {
		if due[i] > 0 {
			highest = max(highest, share/due[i])
		}
	}
	all := float64(d.Hashes)
	return cost{what, float64(d.Moved) / all, float64(d.Forced) / all, d.Due, highest}
}

func total(costs []cost) (moved float64) {
	for _, c := range costs {
		moved += c.Moved
	}
	return moved
}

// inTurn makes steps one after another, on a group of its own.
func inTurn(s selector.Strategy, members []selector.Member, steps []step) ([]cost, error) {
	p, err := newPlan(s, members)
	if err != nil {
		return nil, err
	}
	var costs []cost
	for _, step := range steps {
		c, err := p.make(step)
		if err != nil {
			return nil, err
		}
		costs = append(costs, c)
	}
	return costs, nil
}

// cheapest tries every order of steps, and returns the one that moves least: of
// several, the first as they were given. An order that is impossible, such as a
// weight for a member before it is added, is left out.
func cheapest(s selector.Strategy, members []selector.Member, steps []step) (best []cost) {
	least := math.Inf(1)
	var permute func(made, left []step)
	permute = func(made, left []step) {
		if len(left) == 0 {
			costs, err := inTurn(s, members, made)
			if err == nil && total(costs) < least-1e-9 {
				best, least = costs, total(costs)
			}
		}
		for i, next := range left {
			permute(append(slices.Clone(made), next), slices.Delete(slices.Clone(left), i, i+1))
		}
	}
	permute(nil, steps)
	return best
}

// upgrade drains each member and gives it its weight again, one after another.
func upgrade(s selector.Strategy, members []selector.Member) ([]cost, error) {
	var steps []step
	for _, m := range members {
		if m.Weight > 0 {
			steps = append(steps, step{flag: "drain", value: m.ID, id: m.ID},
				step{flag: "return", value: m.ID, id: m.ID, weight: m.Weight})
		}
	}
	return inTurn(s, members, steps)
}
