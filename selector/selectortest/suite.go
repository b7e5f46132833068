package selectortest

import (
	"fmt"
	"slices"

	"github.com/ecmp-go/ecmp/selector"
)

// suite is a strategy under test.
type suite struct {
	strategy selector.Strategy
	options  Options
}

func (s *suite) ordered() bool {
	o, ok := s.strategy.(selector.Ordered)
	return ok && o.Ordered()
}

// members returns n members in order of ID, whose IDs leave room for others
// between them, with weights in turn.
func members(n int, weights ...uint32) []selector.Member {
	list := make([]selector.Member, n)
	for i := range list {
		list[i] = selector.Member{ID: memberID(2*i + 1), Weight: weights[i%len(weights)]}
	}
	return list
}

// fit halves the greater weights until they add up to at most limit, or all are
// 1.
func fit(list []selector.Member, limit uint64) []selector.Member {
	for sumOf(list) > limit {
		greatest := uint32(0)
		for _, m := range list {
			greatest = max(greatest, m.Weight)
		}
		if greatest <= 1 {
			break
		}
		for i, m := range list {
			if m.Weight > greatest/2 {
				list[i].Weight = (m.Weight + 1) / 2
			}
		}
	}
	return list
}

func sumOf(list []selector.Member) (sum uint64) {
	for _, m := range list {
		sum += uint64(m.Weight)
	}
	return sum
}

func memberID(i int) string { return fmt.Sprintf("192.0.2.%05d", i) }

// factor is by what all weights of a group are multiplied to see that only
// their ratios matter.
const factor = 3

// groups returns the groups that most properties are checked with: equal, with
// a drained member, unequal.
func (s *suite) groups() [][]selector.Member {
	n := s.options.Members
	drained := members(n, 1)
	drained[0].Weight, drained[n/2].Weight = 0, 0
	groups := [][]selector.Member{members(1, 7), members(n, 1), drained}
	if !s.options.EqualOnly {
		groups = append(groups, members(n, 1, 2, 3, 10), members(n, 5, 0, 1<<20))
	}
	for _, g := range groups {
		fit(g, s.options.MaxWeight/factor)
	}
	return groups
}

// selectors builds a selector for each group and hands both to check.
func (s *suite) selectors(check func([]selector.Member, selector.Selector) error) error {
	for _, g := range s.groups() {
		built, err := s.strategy.Build(g)
		if err != nil {
			return fmt.Errorf("Build(%s): %w", describe(g), err)
		}
		if err := check(g, built); err != nil {
			return fmt.Errorf("group %s: %w", describe(g), err)
		}
	}
	return nil
}

func describe(g []selector.Member) string {
	weights := make([]uint32, len(g))
	for i, m := range g {
		weights[i] = m.Weight
	}
	return fmt.Sprintf("of weights %v", weights)
}

// hashes returns n random hashes, the same every time: SplitMix64 (Steele, Lea,
// Flood 2014).
func hashes(n int) []uint64 {
	list := make([]uint64, n)
	state := uint64(0)
	for i := range list {
		state += 0x9e3779b97f4a7c15
		x := state
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		list[i] = x ^ x>>31
	}
	return list
}

// edges returns hashes that are not random: the least and the greatest, single
// bits, and 32-bit hashes in the high half.
func edges() []uint64 {
	list := []uint64{0, ^uint64(0), 1<<32 - 1, 0xffffffff_00000000, 1<<63 - 1, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa}
	for i := range 64 {
		list = append(list, 1<<i, ^uint64(1<<i))
	}
	for _, h := range hashes(1000) {
		list = append(list, h&^(1<<32-1), h>>32)
	}
	return list
}

// placement returns the ID that each hash is placed on, and an error if it is
// not one of a member of positive weight.
func placement(g []selector.Member, built selector.Selector, hashes []uint64) ([]string, error) {
	ids := make([]string, len(hashes))
	for i, h := range hashes {
		m := built.Select(h)
		if m < 0 || int(m) >= len(g) {
			return nil, fmt.Errorf("Select(%#x) = %d, of %d members", h, m, len(g))
		}
		if g[m].Weight == 0 {
			return nil, fmt.Errorf("Select(%#x) = %d, which is drained", h, m)
		}
		ids[i] = g[m].ID
	}
	return ids, nil
}

// build returns the placement of a group.
func (s *suite) build(g []selector.Member, hashes []uint64) ([]string, error) {
	built, err := s.strategy.Build(g)
	if err != nil {
		return nil, fmt.Errorf("Build(%s): %w", describe(g), err)
	}
	return placement(g, built, hashes)
}

// same returns an error if two placements differ.
func same(a, b []string, hashes []uint64) error {
	for i := range a {
		if a[i] != b[i] {
			return fmt.Errorf("hash %#x is placed on %s and on %s", hashes[i], a[i], b[i])
		}
	}
	return nil
}

func reversed(g []selector.Member) []selector.Member {
	g = slices.Clone(g)
	slices.Reverse(g)
	return g
}
