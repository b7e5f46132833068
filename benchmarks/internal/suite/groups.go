package suite

import (
	"fmt"
	"math/bits"
	"runtime"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
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
		Cases: func(size Size) (cases []Case) {
			for _, count := range size.Groups {
				for _, s := range groupStrategies() {
					if !wide(s.Name) || count <= size.WideLimit {
						cases = append(cases, groupsCase(s, count))
					}
				}
			}
			return cases
		},
	}
}

// Fetch is Groups beside what a library does that does not know how many
// members there are: two bytes for each of 65,536 slots, whatever the group.
func Fetch() Suite {
	return Suite{
		Name: "Fetch",
		Cases: func(size Size) (cases []Case) {
			for _, s := range []subject.Strategy{
				{Name: "table-128KiB", Strategy: wideTable(nil)},
				{Name: "bounded-65536", Strategy: selector.Bounded{}},
				{Name: "bounded-4096", Strategy: selector.Bounded{Slots: 4096}},
				{Name: "bounded-1024", Strategy: selector.Bounded{Slots: 1024}},
				{Name: "maglev-1021", Strategy: selector.Maglev{Size: 1021}},
				{Name: "resilient-1024", Strategy: selector.Resilient{Buckets: 1024}},
				{Name: "anchor", Strategy: selector.Anchor{Capacity: groupMembers + 2}},
			} {
				cases = append(cases, groupsCase(s, size.Far))
			}
			return cases
		},
	}
}

// A wideTable is a table, and the strategy that builds it.
type wideTable []uint16

// Build implements [selector.Strategy].
func (wideTable) Build(members []selector.Member) (selector.Selector, error) {
	t := make(wideTable, 1<<16)
	for slot := range t {
		t[slot] = uint16(slot % len(members))
	}
	return t, nil
}

// Select implements [selector.Selector].
func (t wideTable) Select(h uint64) int32 {
	slot, _ := bits.Mul64(h, uint64(len(t)))
	return int32(t[slot])
}

func groupsCase(s subject.Strategy, count int) Case {
	return Case{fmt.Sprintf("strategy=%s/groups=%d", s.Name, count), func() (*Work, error) {
		keys, routes := subject.RandomKeys(1).Hashes, subject.Hashes(2, subject.KeyCount)
		before := live()
		groups, err := newGroups(s, count, func(i int) []selector.Member {
			members := make([]selector.Member, groupMembers)
			for j := range members {
				members[j] = selector.Member{ID: fmt.Sprintf("pod-%d-%d", i, j), Weight: 1}
			}
			return members
		})
		if err != nil {
			return nil, err
		}
		held := live() - before
		for i := range routes {
			routes[i] %= uint64(count)
		}
		sum := int32(0)
		return &Work{
			Items: len(keys),
			Pass: func() {
				for i, h := range keys {
					sum += groups[routes[i]].Load().Select(h)
				}
				runtime.KeepAlive(sum)
			},
			Figures: results.Exact(numbers{"group-bytes": float64(held) / float64(count)}),
		}, nil
	}}
}

// newGroups returns groups, of as few domains as have slots for their members.
func newGroups(s selector.Strategy, count int, members func(i int) []selector.Member) ([]*group, error) {
	const ofDomain = 4000
	var domain *selector.Domain
	groups := make([]*group, count)
	for i := range groups {
		if i%ofDomain == 0 {
			domain = selector.NewDomain()
		}
		g, err := selector.NewGroup[struct{}](domain, selector.GroupConfig{Name: fmt.Sprint(i), Strategy: s})
		if err != nil {
			return nil, err
		}
		if _, err := g.Update(subject.Hops(members(i))); err != nil {
			return nil, err
		}
		groups[i] = g
	}
	return groups, nil
}

type group = selector.Group[struct{}]

// FailOver is what happens when a member of many groups goes down.
func FailOver() Suite {
	return Suite{
		Name: "FailOver",
		Cases: func(size Size) (cases []Case) {
			for _, kind := range []struct {
				name  string
				apart int // from the members of a group to those of the next
			}{{"equal", 0}, {"one", groupMembers}} {
				members := func(i int) []selector.Member {
					m := []selector.Member{{ID: failing, Weight: 1}}
					for k := range groupMembers - 1 {
						m = append(m, selector.Member{ID: subject.ID(i*kind.apart + k), Weight: 1})
					}
					return m
				}
				name := fmt.Sprintf("groups=%d/members=%s/step=", size.Far, kind.name)
				cases = append(cases, Case{name + "mark", func() (*Work, error) { return markWork(size.Far, members) }},
					Case{name + "rebuild", func() (*Work, error) { return rebuildWork(size.Far, members) }})
			}
			return cases
		},
	}
}

const failing = "failing"

func markWork(count int, members func(i int) []selector.Member) (*Work, error) {
	groups, err := newGroups(selector.Bounded{}, count, members)
	if err != nil {
		return nil, err
	}
	mark := groups[0].Domain().Mark(failing)
	return &Work{Items: 1, Pass: func() {
		mark.SetDown(true)
		for i, g := range groups {
			s := g.Load()
			if at := s.Select(uint64(i) << 53); s.View().Member(at).ID == failing {
				panic("a group does not avoid the member that is down")
			}
		}
		mark.SetDown(false)
	}}, nil
}

func rebuildWork(count int, members func(i int) []selector.Member) (*Work, error) {
	groups, err := newGroups(selector.Bounded{}, count, members)
	if err != nil {
		return nil, err
	}
	update := func(from int) {
		for i, g := range groups {
			if _, err := g.Update(subject.Hops(members(i)[from:])); err != nil {
				panic(err) // it did not fail before
			}
		}
	}
	return &Work{Items: 1, Reset: func() { update(0) }, Pass: func() { update(1) }}, nil
}
