package suite

import (
	"errors"
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/pool"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// jetPaper is the share of connections that must be tracked, of Mendelson et
// al., "Load balancing with JET" (CoNEXT 2021): those that members of the
// horizon would get. The strategies are those that Group.Announce takes.
func jetPaper(size Size) (cases []Case) {
	for _, s := range subject.Placements() {
		if m, ok := s.Strategy.(selector.Minimal); !ok || !m.Minimal() || s.Peer {
			continue
		}
		for _, horizon := range [][2]int{{468, 47}, {100, 10}} {
			name := fmt.Sprintf("paper=jet/members=%d/horizon=%d/strategy=%s", horizon[0], horizon[1], s.Name)
			cases = append(cases, paperCase(size, size.Draws, name, func(set subject.Set) (numbers, error) {
				return tracked(s.Strategy, set, horizon[0], horizon[1])
			}))
		}
	}
	return cases
}

func tracked(s selector.Strategy, set subject.Set, working, horizon int) (numbers, error) {
	c := selector.GroupConfig{Name: "vip", Strategy: s}
	group, err := selector.NewGroup[struct{}](selector.NewDomain(), c)
	if err != nil {
		return nil, err
	}
	all := set.Members(working+horizon, 1)
	if _, err := group.Update(subject.Hops(all[:working])); err != nil {
		return nil, err
	}
	if _, err := group.Announce(all[working:]...); err != nil {
		return nil, err
	}
	view, unsettled := group.Load().View(), 0
	hashes := subject.Hashes(uint64(set)+1, changeSize)
	for _, h := range hashes {
		if !view.Settled(h, view.Select(h)) {
			unsettled++
		}
	}
	return numbers{"tracked-share": share(unsettled, len(hashes))}, nil
}

// cheetahPaper is the simulation of broken connections of Barbette et al., "A
// High-Speed Load-Balancer Design with Guaranteed Per-Connection-Consistency"
// (NSDI 2020), section 2.
func cheetahPaper(size Size) (cases []Case) {
	draws, horizon := min(size.Draws, 10), 500.
	if !size.Papers {
		draws, horizon = 1, 100
	}
	for _, rate := range []float64{1.56, 15.6, 78} {
		for _, p := range []struct {
			policy, strategy string
			selector.Strategy
		}{
			{"hash", "ring/points=30", selector.Ring{Points: 30}},
			{"hash", "maglev", selector.Maglev{}},
			{"hash", "bounded", selector.Bounded{}},
			{"hash", "anchor", selector.Anchor{}},
			{"resilient", "resilient", selector.Resilient{}},
			{"sticky", "bounded", selector.Bounded{}},
		} {
			name := fmt.Sprintf("paper=cheetah/updates=%v/policy=%s/strategy=%s", rate, p.policy, p.strategy)
			config := pool.Config{
				Members: 468, Connections: 7000, Updates: rate, Seconds: horizon, Strategy: p.Strategy,
				Sticky: p.policy == "sticky",
			}
			cases = append(cases, paperCase(size, draws, name, func(set subject.Set) (numbers, error) {
				o, err := pool.Play(config, set)
				if err == nil && o.Connections == 0 {
					err = errors.New("no connections")
				}
				return numbers{
					"connections": float64(o.Connections), "broken-share": share(o.Broken, o.Connections),
					"chained-share": share(o.Chained, o.Connections), "lost-share": share(o.Lost, o.Connections),
				}, err
			}))
		}
	}
	return cases
}
