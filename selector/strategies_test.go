package selector_test

import "github.com/ecmp-go/ecmp/selector"

// everyStrategy returns all strategies, as recommended.
func everyStrategy() []selector.Strategy {
	return append([]selector.Strategy{
		selector.Modulo{}, selector.Threshold{}, selector.Rendezvous{}, selector.Maglev{}, selector.Jump{},
		selector.Bounded{},
		selector.Resilient{}, selector.Ring{}, selector.MultiProbe{},
	}, equalOnly()...)
}

// equalOnly returns the strategies that refuse unequal weights.
func equalOnly() []selector.Strategy {
	return []selector.Strategy{selector.Anchor{Capacity: selector.MaxMembers}, selector.Memento{}}
}

// levelled returns the members with weights that the strategy serves.
func levelled(s selector.Strategy, group []selector.Member) []selector.Member {
	switch s.(type) {
	case selector.Anchor, selector.Memento:
		group = append([]selector.Member(nil), group...)
		for i := range group {
			group[i].Weight = min(group[i].Weight, 1)
		}
	}
	return group
}
