package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// A picture is what the page shows of a state.
type picture struct {
	Strategies []string `json:"strategies"`
	Strategy   string   `json:"strategy"`
	Slots      string   `json:"slots"`
	Slack      string   `json:"slack"`
	HasSlots   bool     `json:"hasSlots"`
	HasSlack   bool     `json:"hasSlack"`

	Error string `json:"error"`
	Field string `json:"field"` // where the error is: strategy, slots, slack or members

	Lists   [][]member `json:"lists"`   // all that there were, the last is the one in force
	Shares  []float64  `json:"shares"`  // of the members in force
	Due     []float64  `json:"due"`     // likewise
	Least   float64    `json:"least"`   // the lightest member's share, over its due
	Peak    float64    `json:"peak"`    // the heaviest member's
	Change  numbers    `json:"change"`  // the last
	Sum     numbers    `json:"sum"`     // of all changes
	Cells   []cell     `json:"cells"`   // what is drawn
	Every   bool       `json:"every"`   // they are the whole table
	Summary string     `json:"summary"` // what happened, in words
}

type member struct {
	ID     string `json:"id"`
	Weight uint32 `json:"weight"`
}

// numbers are shares of all hashes.
type numbers struct {
	Moved      float64 `json:"moved"`
	Forced     float64 `json:"forced"`
	Collateral float64 `json:"collateral"`
	Due        float64 `json:"due"`
	Ratio      string  `json:"ratio"` // moved over due
}

func show(fragment string) picture {
	if fragment == "" {
		fragment = initial
	}
	p := picture{Strategies: catalog.Names(), Least: 1, Peak: 1}
	s, err := parseState(fragment)
	if err != nil {
		p.Field, p.Error = "members", err.Error()
		return p
	}
	p.Strategy, p.Slots, p.Slack = s.strategy, s.slots, s.slack
	p.HasSlots, p.HasSlack = slotsOf(s.strategy) != "", s.strategy == "bounded"
	for _, list := range s.lists {
		members := make([]member, len(list))
		for i, m := range list {
			members[i] = member(m)
		}
		p.Lists = append(p.Lists, members)
	}
	if len(s.lists) == 0 {
		p.Field, p.Error = "members", errLink.Error()
		return p
	}
	strategy, field, err := s.build()
	if err != nil {
		p.Field, p.Error = field, err.Error()
		return p
	}
	m, err := play(strategy, s.lists)
	if err != nil {
		p.Field, p.Error = "members", err.Error()
		if errors.Is(err, selector.ErrTableSize) {
			p.Field = "slots"
		}
		return p
	}
	p.measure(m)
	return p
}

func (p *picture) measure(m model) {
	shares, due := m.now.Shares(), m.now.Due()
	for _, member := range p.Lists[len(p.Lists)-1] {
		i, _ := m.now.Index(member.ID) // the view has an order of its own
		p.Shares, p.Due = append(p.Shares, shares[i]), append(p.Due, due[i])
	}
	p.Least, p.Peak = math.Inf(1), 0
	for i, due := range p.Due {
		if due > 0 {
			p.Least, p.Peak = min(p.Least, p.Shares[i]/due), max(p.Peak, p.Shares[i]/due)
		}
	}
	if p.Peak == 0 {
		p.Least = 0 // nobody takes hashes
	}
	p.Change, p.Sum = inShares(m.change), inShares(m.sum)
	p.Cells, p.Every = m.cells()
	p.Summary = fmt.Sprintf("%d members. ", m.now.Len())
	if m.last != nil {
		p.Summary += fmt.Sprintf(
			"The last change moved %.1f %% of the hashes: %.1f %% forced, %.1f %% collateral. It had to move %.1f %%.",
			100*p.Change.Moved, 100*p.Change.Forced, 100*p.Change.Collateral, 100*p.Change.Due)
	}
}

func inShares(d selector.Diff) numbers {
	if d.Hashes == 0 {
		return numbers{Ratio: "–"}
	}
	all := float64(d.Hashes)
	n := numbers{
		Moved: float64(d.Moved) / all, Forced: float64(d.Forced) / all, Collateral: float64(d.Collateral) / all,
		Due: d.Due, Ratio: "–",
	}
	if n.Due > 0 {
		n.Ratio = fmt.Sprintf("%.2f", n.Moved/n.Due)
	} else if n.Moved > 0 {
		n.Ratio = "∞"
	}
	return n
}
