package selectortest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ecmp-go/ecmp/selector"
)

// A change of a group: the lists before and after.
type change struct {
	name   string
	before []selector.Member
	after  []selector.Member
}

func (s *suite) changes() []change {
	n := s.options.Members
	weights := [][]uint32{{1}}
	if !s.options.EqualOnly {
		weights = append(weights, []uint32{1, 2, 3, 10})
	}
	var list []change
	for _, w := range weights {
		group := fit(members(n, w...), s.options.MaxWeight)
		without := func(i int) []selector.Member { return slices.Delete(slices.Clone(group), i, i+1) }
		with := func(i int, weight uint32) []selector.Member {
			changed := slices.Clone(group)
			changed[i].Weight = weight
			return changed
		}
		list = append(list,
			change{"removing the last member", group, without(n - 1)},
			change{"adding a last member", without(n - 1), group},
			change{"draining the last member", group, with(n-1, 0)},
		)
		if s.options.AtEnd {
			continue
		}
		list = append(list,
			change{"removing the first member", group, without(0)},
			change{"removing a member in the middle", group, without(n / 2)},
			change{"adding a first member", without(0), group},
			change{"adding a member in the middle", without(n / 2), group},
			change{"draining a member in the middle", group, with(n/2, 0)},
			change{"ending a drain", with(n/2, 0), group},
			change{"removing three members", group, without(0)[2 : n-1]},
			change{"changing nothing", group, group},
		)
		if raised := with(1, 4); !s.options.EqualOnly && sumOf(raised) <= s.options.MaxWeight {
			list = append(list,
				change{"raising a weight", group, raised},
				change{"lowering a weight", raised, group},
			)
		}
	}
	return list
}

// disruption counts what changes move. A hash must move if its old member lost
// weight or its new member gained weight.
func (s *suite) disruption() error {
	list := hashes(s.options.Samples)
	for _, c := range s.changes() {
		old, err := s.strategy.Build(c.before)
		if err != nil {
			return fmt.Errorf("Build(%s): %w", describe(c.before), err)
		}
		built, err := s.follow(old, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		before, err := placement(c.before, old, list)
		if err != nil {
			return err
		}
		after, err := placement(c.after, built, list)
		if err != nil {
			return err
		}
		if err := s.moves(c, before, after, list); err != nil {
			return fmt.Errorf("%s, %s: %w", c.name, describe(c.before), err)
		}
	}
	return nil
}

// follow returns the selector after a change: of the old one where it depends
// on history, else a new one.
func (s *suite) follow(old selector.Selector, c change) (selector.Selector, error) {
	if r, ok := old.(selector.Rebuilder); ok {
		return r.Rebuild(c.after, previous(c.before, c.after))
	}
	return s.strategy.Build(c.after)
}

// previous returns the index that each member of after has in before, or -1.
func previous(before, after []selector.Member) []int32 {
	prev := make([]int32, len(after))
	for i, m := range after {
		prev[i] = int32(slices.IndexFunc(before, func(b selector.Member) bool { return b.ID == m.ID }))
	}
	return prev
}

func (s *suite) moves(c change, before, after []string, list []uint64) error {
	was, is := shareOf(c.before), shareOf(c.after)
	weight := weightOf(c.before)
	gains := map[string]bool{} // joins, or has more weight than before
	for _, m := range c.after {
		gains[m.ID] = m.Weight > weight[m.ID]
	}
	left := weightOf(c.after)
	moved, due := 0.0, 0.0
	for i := range before {
		if before[i] == after[i] {
			continue
		}
		moved++
		if s.options.Disruption == 1 && left[before[i]] >= weight[before[i]] && !gains[after[i]] {
			return fmt.Errorf("hash %#x need not move, and moved from %s to %s", list[i], before[i], after[i])
		}
	}
	for id, share := range was {
		due += max(0, share-is[id]) * float64(len(list))
	}
	if limit := s.options.Disruption*due + s.options.Disruption*sigmas*math.Sqrt(due); moved > limit {
		return fmt.Errorf("%.0f hashes moved, %.0f must: %.3f is more than %.3f", moved, due, moved/due,
			s.options.Disruption)
	}
	return nil
}

func weightOf(g []selector.Member) map[string]uint32 {
	weights := map[string]uint32{}
	for _, m := range g {
		weights[m.ID] = m.Weight
	}
	return weights
}

// shareOf returns the part of all hashes that each member is due.
func shareOf(g []selector.Member) map[string]float64 {
	shares, sum := map[string]float64{}, 0.0
	for _, m := range g {
		sum += float64(m.Weight)
	}
	for _, m := range g {
		shares[m.ID] = float64(m.Weight) / sum
	}
	return shares
}

// rebuild checks that a Rebuilder goes by prev and not by position, is
// deterministic, and leaves what did not change.
func (s *suite) rebuild() error {
	list := hashes(10_000)
	return s.selectors(func(g []selector.Member, built selector.Selector) error {
		r, ok := built.(selector.Rebuilder)
		if !ok {
			return nil
		}
		want, err := placement(g, built, list)
		if err != nil {
			return err
		}
		moved := reversed(g)
		for _, c := range []change{{"", g, g}, {"in another order", g, moved}, {"again in another order", g, moved}} {
			if s.ordered() && c.name != "" {
				continue
			}
			next, err := r.Rebuild(c.after, previous(c.before, c.after))
			if err != nil {
				return err
			}
			got, err := placement(c.after, next, list)
			if err != nil {
				return err
			}
			if err := same(want, got, list); err != nil {
				return fmt.Errorf("after Rebuild with the same members %s: %w", c.name, err)
			}
		}
		joined := append(slices.Clone(g), selector.Member{ID: memberID(0), Weight: g[len(g)-1].Weight})
		var first []string
		for range 2 {
			next, err := r.Rebuild(joined, previous(g, joined))
			if err != nil {
				return err
			}
			got, err := placement(joined, next, list)
			if err != nil {
				return err
			}
			if first == nil {
				first = got
			} else if err := same(first, got, list); err != nil {
				return fmt.Errorf("a second Rebuild differs: %w", err)
			}
		}
		still, err := placement(g, built, list)
		if err != nil {
			return err
		}
		if err := same(want, still, list); err != nil {
			return fmt.Errorf("the old selector after Rebuild: %w", err)
		}
		if wrong, err := r.Rebuild(nil, nil); err == nil || wrong != nil {
			return errors.New("an empty list is accepted by Rebuild")
		}
		return nil
	})
}
