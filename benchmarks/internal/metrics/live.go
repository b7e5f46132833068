package metrics

import (
	"slices"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// A Live group of members places the same hashes in each of its states.
type Live struct {
	group  *selector.Group[struct{}]
	hashes []uint64
	Exact  bool // of a table, all slots are followed in place of the hashes
}

// NewLive returns a group without members.
func NewLive(s selector.Strategy, hashes []uint64) (*Live, error) {
	g, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Name: "live", Strategy: s})
	return &Live{group: g, hashes: hashes}, err
}

// Update gives the group these members, as a change of those it has, and
// returns where the hashes belong then.
func (l *Live) Update(members []selector.Member) (Placement, error) {
	s, err := l.group.Update(subject.Hops(members))
	if err != nil {
		return Placement{}, err
	}
	var p Placement
	for _, m := range s.View().All() {
		p.Members = append(p.Members, m)
	}
	if t, ok := s.View().Selector().(selector.Tabled); ok && l.Exact {
		return Slots(t, p.Members), nil
	}
	p.Owners = make([]int32, len(l.hashes))
	s.SelectBatch(p.Owners, l.hashes)
	return p, nil
}

// A Journey is what a series of changes moved in all.
type Journey struct {
	Moves           // summed over the changes: a hash may move more than once
	Changes int     // how many there were
	Ended   float64 // share of the hashes that are not where they began
}

// Follow gives the group one list of members after another.
func (l *Live) Follow(first []selector.Member, changes func(yield func([]selector.Member) bool)) (Journey, error) {
	begin, err := l.Update(first)
	if err != nil {
		return Journey{}, err
	}
	var j Journey
	before := begin
	for members := range changes {
		after, err := l.Update(slices.Clone(members))
		if err != nil {
			return Journey{}, err
		}
		m := Compare(before, after)
		j.Moved += m.Moved
		j.Forced += m.Forced
		j.Collateral += m.Collateral
		j.Due += m.Due
		j.Changes++
		before = after
	}
	j.Ended = Compare(begin, before).Moved
	return j, nil
}
