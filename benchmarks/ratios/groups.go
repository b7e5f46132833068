package main

import (
	"fmt"
	"math/bits"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// groupsContests look up in a random one of 2,048 groups of 16 members each, against a table of 128 KiB for every group: the time
// is that of fetching memory. The default size, 64 KiB in one byte a slot, promises nothing; small tables do.
func groupsContests() ([]contest, error) {
	const groups, members = 2048, 16
	routes := subject.Hashes(3, subject.KeyCount)
	random := func(selectors []selector.Selector) subject.Lookup {
		return func(k *subject.Keys) int {
			sum := 0
			for i, h := range k.Hashes {
				sum += selectors[routes[i]%groups].Select(h)
			}
			return sum
		}
	}
	tables := make([]selector.Selector, groups)
	for i := range tables {
		t := make(wideTable, 1<<16)
		for slot := range t {
			t[slot] = uint16(slot % members)
		}
		tables[i] = t
	}
	theirs := random(tables)
	var list []contest
	for _, c := range []struct {
		name     string
		bar      float64
		strategy selector.Strategy
	}{
		{"Bounded, 65,536 slots", 0, selector.Bounded{}},
		{"Bounded, 4,096 slots", 2, selector.Bounded{Slots: 4096}},
		{"Bounded, 1,024 slots", 2, selector.Bounded{Slots: 1024}},
		{"Anchor", 2, selector.Anchor{Capacity: members + 2}},
	} {
		all := subject.Members(groups*members, 1)
		selectors := make([]selector.Selector, groups)
		for i := range selectors {
			var err error
			if selectors[i], err = selector.New(c.strategy, all[i*members:][:members]); err != nil {
				return nil, err
			}
		}
		list = append(list, contest{
			name: fmt.Sprintf("2,048 groups of 16, %s : a table of 128 KiB", c.name), bar: c.bar, by: minima,
			items: subject.KeyCount, passes: 2, ours: random(selectors), theirs: theirs,
		})
	}
	return list, nil
}

// A wideTable has two bytes for each of 65,536 slots, whatever the group.
type wideTable []uint16

// Select implements [selector.Selector].
func (t wideTable) Select(h uint64) int {
	slot, _ := bits.Mul64(h, uint64(len(t)))
	return int(t[slot])
}
