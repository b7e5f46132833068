package main

import (
	"math/bits"

	"github.com/ecmp-go/ecmp/selector"
)

// A model is a group, played from its first members to its last.
type model struct {
	last, now *selector.View // before and after the last change
	change    selector.Diff  // the last
	sum       selector.Diff  // of all changes
}

// play gives a group each list of members, one after another.
func play(s selector.Strategy, lists [][]selector.Member) (model, error) {
	var m model
	group, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Strategy: s})
	if err != nil {
		return m, err
	}
	for _, members := range lists {
		var hops []selector.Hop[struct{}]
		for _, member := range members {
			hops = append(hops, selector.Hop[struct{}]{ID: member.ID, Weight: member.Weight})
		}
		snapshot, err := group.Update(hops)
		if err != nil {
			return m, err
		}
		m.last, m.now = m.now, snapshot.View()
		if m.last == nil {
			continue
		}
		m.change = m.now.Diff(m.last)
		m.sum.Hashes = m.change.Hashes
		m.sum.Moved += m.change.Moved
		m.sum.Forced += m.change.Forced
		m.sum.Collateral += m.change.Collateral
		m.sum.Due += m.change.Due
	}
	return m, nil
}

// mostCells is the number of slots that are drawn, and of hashes where a
// strategy has no table.
const mostCells = 1024

// A cell is a slot of the table, or one of evenly spaced hashes.
type cell struct {
	Member string `json:"member"` // the ID of its member; empty: nobody takes it
	From   string `json:"from"`   // the one before, if it moved
	Move   string `json:"move"`   // "forced", "collateral" or empty
}

func (m model) cells() (cells []cell, every bool) {
	n := uint64(mostCells)
	if t, ok := m.now.Selector().(selector.Tabled); ok && t.Slots() <= mostCells {
		n, every = uint64(t.Slots()), true
	}
	cells = make([]cell, n)
	for i := range cells {
		h, _ := bits.Div64(uint64(i), 1<<63, n) // the middle of the i-th part
		c := &cells[i]
		c.Member = owner(m.now, h)
		if m.last == nil {
			continue
		}
		if from := owner(m.last, h); from != c.Member {
			c.From, c.Move = from, "collateral"
			if m.forced(from, c.Member) {
				c.Move = "forced"
			}
		}
	}
	return cells, every
}

// owner is the ID of the member of a hash, and empty where nobody takes hashes.
func owner(v *selector.View, h uint64) string {
	if i := v.Select(h); i >= 0 {
		return v.Member(i).ID
	}
	return ""
}

// forced reports, as Diff counts, whether a member gained weight relative to
// another, where one that is not in the group has none.
func (m model) forced(from, to string) bool {
	weight := func(v *selector.View, id string) uint64 {
		if i, ok := v.Index(id); ok {
			return uint64(v.Member(i).Weight)
		}
		return 0
	}
	if from == "" || to == "" {
		return true
	}
	return weight(m.now, from)*weight(m.last, to) < weight(m.now, to)*weight(m.last, from)
}
