package main

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	groupCount = 2048
	groupSize  = 16
)

// groupsContests look up as a router does, each hash in a random one of many
// groups, which share nothing, against groups with a table of 128 KiB each: the
// time is that of fetching memory. The default size, 64 KiB in one byte a slot,
// promises nothing; small tables do.
func groupsContests() ([]contest, error) {
	routes := subject.Hashes(3, subject.KeyCount)
	random := func(s selector.Strategy) (subject.Lookup, error) {
		groups, err := newGroups(s, func(i int) []selector.Member {
			members := make([]selector.Member, groupSize)
			for k := range members {
				members[k] = selector.Member{ID: subject.ID(i*groupSize + k), Weight: 1}
			}
			return members
		})
		return func(k *subject.Keys) int {
			sum := 0
			for i, h := range k.Hashes {
				sum += groups[routes[i]%groupCount].Load().Select(h)
			}
			return sum
		}, err
	}
	theirs, err := random(wide{})
	if err != nil {
		return nil, err
	}
	var list []contest
	for _, c := range []struct {
		name     string
		bar      float64
		strategy selector.Strategy
	}{
		{"Bounded, 65,536 slots", 0, selector.Bounded{}},
		{"Bounded, 4,096 slots", 2, selector.Bounded{Slots: 4096}},
		{"Bounded, 1,024 slots", 2, selector.Bounded{Slots: 1024}},
		{"Maglev, 1,021 slots", 2, selector.Maglev{Size: 1021}},
		{"Resilient, 1,024 buckets", 2, selector.Resilient{Buckets: 1024}},
		{"Anchor", 2, selector.Anchor{Capacity: groupSize + 2}},
	} {
		ours, err := random(c.strategy)
		if err != nil {
			return nil, err
		}
		list = append(list, contest{
			name: fmt.Sprintf("2,048 groups of 16, %s : a table of 128 KiB", c.name), bar: c.bar,
			items: subject.KeyCount, passes: 2, ours: ours, theirs: theirs,
		})
	}
	return list, nil
}

// newGroups returns groups of one domain.
func newGroups(s selector.Strategy, members func(i int) []selector.Member) ([]*selector.Group[int], error) {
	domain, groups := selector.NewDomain(), make([]*selector.Group[int], groupCount)
	for i := range groups {
		g, err := selector.NewGroup[int](selector.Config{Name: fmt.Sprint(i), Strategy: s, Domain: domain})
		if err != nil {
			return nil, err
		}
		if _, err := g.Update(hops(members(i))); err != nil {
			return nil, err
		}
		groups[i] = g
	}
	return groups, nil
}

func hops(members []selector.Member) []selector.Hop[int] {
	list := make([]selector.Hop[int], len(members))
	for i, m := range members {
		list[i].ID, list[i].Weight = m.ID, m.Weight
	}
	return list
}

// wide is a strategy whose tables have two bytes for each of 65,536 slots,
// whatever the group.
type wide struct{}

// Build implements [selector.Strategy].
func (wide) Build(members []selector.Member) (selector.Selector, error) {
	t := make(wideTable, 1<<16)
	for slot := range t {
		t[slot] = uint16(slot % len(members))
	}
	return t, nil
}

type wideTable []uint16

// Select implements [selector.Selector].
func (t wideTable) Select(h uint64) int {
	slot, _ := bits.Mul64(h, uint64(len(t)))
	return int(t[slot])
}

// failOver measures what happens when a member of all groups goes down: the
// time from the mark until every group was seen to avoid it, and that of
// rebuilding all of them without it, where all have the same members and so
// share one selector, and where they have that one in common only.
func failOver() ([]figure, error) {
	const failing = "failing"
	var list []figure
	for _, kind := range []struct {
		name  string
		apart int // from the members of a group to those of the next
	}{{"with equal members", 0}, {"with one member in common", groupSize}} {
		members := func(i int) []selector.Member {
			m := []selector.Member{{ID: failing, Weight: 1}}
			for k := range groupSize - 1 {
				m = append(m, selector.Member{ID: subject.ID(i*kind.apart + k), Weight: 1})
			}
			return m
		}
		groups, err := newGroups(selector.Bounded{}, members)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		groups[0].Domain().Mark(failing).SetDown(true)
		for i, g := range groups {
			s := g.Load()
			if at := s.Select(uint64(i) << 53); s.View().Member(at).ID == failing {
				return nil, fmt.Errorf("group %d does not avoid the member that is down", i)
			}
		}
		marked := time.Since(began)
		began = time.Now()
		for i, g := range groups {
			if _, err := g.Update(hops(members(i)[1:])); err != nil {
				return nil, err
			}
		}
		list = append(list,
			figure{name: "2,048 groups " + kind.name + ": a member goes down and all avoid it",
				value: marked.Seconds() * 1e3, unit: "ms", most: 1},
			figure{name: "2,048 groups " + kind.name + ": all rebuilt without it",
				value: time.Since(began).Seconds() * 1e3, unit: "ms"},
		)
	}
	return list, nil
}
