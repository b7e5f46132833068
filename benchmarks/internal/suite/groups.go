package suite

import (
	"fmt"
	"runtime"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

const groupMembers = 16

// groupStrategies are small and large tables, and strategies without a table.
func groupStrategies() []subject.Strategy {
	return []subject.Strategy{
		{Name: "maglev-65537", Strategy: selector.Maglev{}},
		{Name: "maglev-4099", Strategy: selector.Maglev{Size: 4099}},
		{Name: "bounded-65536", Strategy: selector.Bounded{}},
		{Name: "bounded-1024", Strategy: selector.Bounded{Slots: 1024}},
		{Name: "resilient-1024", Strategy: selector.Resilient{Buckets: 1024}},
		{Name: "anchor", Strategy: selector.Anchor{Capacity: groupMembers + 2}},
		{Name: "memento", Strategy: selector.Memento{}},
		{Name: "rendezvous", Strategy: selector.Rendezvous{}},
	}
}

func wide(name string) bool { return name == "maglev-65537" || name == "bounded-65536" }

// Groups is look-ups as a router does them, each in a random one of many
// groups.
func Groups() Suite {
	return Suite{
		Name: "Groups",
		About: "One operation is: load the snapshot of a random group of 16 members, and select. No two groups share a selector. " +
			"group-bytes is what one group keeps from the garbage collector, its members' payload not counted.",
		LeftOut: "Finding the group of a packet, which is a longest-prefix match. Groups of equal members share a selector in a router, and then cost " +
			"less memory. Tables of 64 KiB end at 10,000 groups.",
		Cases: func(size Size) (cases []Case) {
			for _, count := range size.Groups {
				for _, s := range groupStrategies() {
					if wide(s.Name) && count > size.WideLimit {
						continue
					}
					cases = append(cases, Case{fmt.Sprintf("strategy=%s/groups=%d", s.Name, count),
						func() (*Work, error) {
							return groupsWork(s, count)
						}})
				}
			}
			return cases
		},
	}
}

func groupsWork(s selector.Strategy, count int) (*Work, error) {
	keys, routes := subject.RandomKeys(1).Hashes, subject.Hashes(2, subject.KeyCount)
	before := live()
	const ofDomain = 4000 // a domain has slots for the members of so many groups
	var domain *selector.Domain
	groups := make([]*selector.Group[struct{}], count)
	hops := make([]selector.Hop[struct{}], groupMembers)
	for i := range groups {
		if i%ofDomain == 0 {
			domain = selector.NewDomain()
		}
		g, err := selector.NewGroup[struct{}](selector.Config{Name: fmt.Sprint(i), Strategy: s, Domain: domain})
		if err != nil {
			return nil, err
		}
		for j := range hops {
			hops[j].ID, hops[j].Weight = fmt.Sprintf("pod-%d-%d", i, j), 1
		}
		if _, err := g.Update(hops); err != nil {
			return nil, err
		}
		groups[i] = g
	}
	held := live() - before
	for i := range routes {
		routes[i] %= uint64(count)
	}
	sum := 0
	return &Work{
		Items: len(keys),
		Pass: func() {
			for i, h := range keys {
				sum += groups[routes[i]].Load().Select(h)
			}
			runtime.KeepAlive(sum)
		},
		Figures: map[string]float64{"group-bytes": float64(held) / float64(count)},
	}, nil
}
