package selectortest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ecmp-go/ecmp/selector"
)

// Sampling errors of this many standard deviations are forgiven: a property of hundreds of shares fails by chance once in
// ten thousand strategies, and as hashes are the same every time, it then does so always or never.
const sigmas = 5

func (s *suite) determinism() error {
	list := append(edges(), hashes(10_000)...)
	return s.selectors(func(g []selector.Member, built selector.Selector) error {
		first, err := placement(g, built, list)
		if err != nil {
			return err
		}
		if again, err := placement(g, built, list); err != nil || same(first, again, list) != nil {
			return errors.Join(errors.New("a second look-up differs"), err, same(first, again, list))
		}
		second, err := s.build(slices.Clone(g), list)
		if err != nil {
			return err
		}
		return same(first, second, list)
	})
}

func (s *suite) orderOfMembers() error {
	if s.ordered() {
		return nil
	}
	list := hashes(10_000)
	return s.selectors(func(g []selector.Member, built selector.Selector) error {
		want, err := placement(g, built, list)
		if err != nil {
			return err
		}
		rotated := append(slices.Clone(g[len(g)/3:]), g[:len(g)/3]...)
		for _, other := range [][]selector.Member{reversed(g), rotated} {
			got, err := s.build(other, list)
			if err != nil {
				return err
			}
			if err := same(want, got, list); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) totality() error {
	list := append(edges(), hashes(s.options.Samples)...)
	return s.selectors(func(g []selector.Member, built selector.Selector) error {
		_, err := placement(g, built, list)
		return err
	})
}

// weights compares shares with weights, for random 64-bit hashes and for 32-bit hashes in the high half.
func (s *suite) weights() error {
	full := hashes(s.options.Samples)
	high := slices.Clone(full)
	for i := range high {
		high[i] = high[i] << 32
	}
	return s.selectors(func(g []selector.Member, built selector.Selector) error {
		for _, list := range [][]uint64{full, high} {
			if err := s.shares(g, built, list); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) shares(g []selector.Member, built selector.Selector, list []uint64) error {
	placed, err := placement(g, built, list)
	if err != nil {
		return err
	}
	count, sum := map[string]float64{}, 0.0
	for _, id := range placed {
		count[id]++
	}
	for _, m := range g {
		sum += float64(m.Weight)
	}
	square, noise, noise2, n, trials := 0.0, 0.0, 0.0, 0.0, float64(len(list))
	for _, m := range g {
		p := float64(m.Weight) / sum
		due := p * trials
		if due < 100 {
			continue // too few for an error relative to the due
		}
		relative, variance := count[m.ID]/due-1, (1-p)/due
		if limit := sigmas*math.Sqrt(variance) + sigmas*s.options.Imbalance; math.Abs(relative) > limit {
			return fmt.Errorf("%s has %.0f of %d hashes and is due %.0f", m.ID, count[m.ID], len(list), due)
		}
		square, noise, noise2, n = square+relative*relative, noise+variance, noise2+variance*variance, n+1
	}
	if noise == 0 {
		return nil // one member has them all
	}
	// The sum of squared sampling errors is distributed about as noise/k times chi-squared of k degrees of freedom, whose
	// tail is approximated after Wilson and Hilferty.
	k := 2 / (9 * noise * noise / noise2)
	limit := math.Sqrt(noise / n * math.Pow(1-k+sigmas*math.Sqrt(k), 3))
	if rms := math.Sqrt(square / n); rms > limit+s.options.Imbalance {
		return fmt.Errorf("shares are off by %.4f (RMS), and %.4f was claimed, with %.4f for sampling",
			rms, s.options.Imbalance, limit)
	}
	return nil
}

// commonFactor checks that only the ratios of weights matter.
func (s *suite) commonFactor() error {
	list := hashes(10_000)
	return s.selectors(func(g []selector.Member, built selector.Selector) error {
		want, err := placement(g, built, list)
		if err != nil {
			return err
		}
		scaled := slices.Clone(g)
		for i := range scaled {
			scaled[i].Weight *= 3
		}
		got, err := s.build(scaled, list)
		if err != nil {
			return err
		}
		return same(want, got, list)
	})
}

func (s *suite) invalidGroups() error {
	two := members(2, 1)
	tooMany := members(selector.MaxMembers+1, 1)
	for _, c := range []struct {
		name   string
		list   []selector.Member
		want   error
		member string
		index  int
	}{
		{"no members", nil, selector.ErrNoMembers, "", -1},
		{"an empty ID", append(two[:1:1], selector.Member{Weight: 1}), selector.ErrEmptyID, "", 1},
		{"a duplicate", append(two[:2:2], two[0]), selector.ErrDuplicate, two[0].ID, 2},
		{"zero weights", members(3, 0), selector.ErrNoWeight, "", -1},
		{"too many members", tooMany, selector.ErrTooMany, "", -1},
		{"weights that overflow", members(3, math.MaxUint32/2), selector.ErrWeightSum, memberID(5), 2},
	} {
		built, err := selector.New(s.strategy, c.list)
		e, typed := errors.AsType[*selector.GroupError](err)
		switch {
		case err == nil || built != nil:
			return fmt.Errorf("%s: accepted by New", c.name)
		case !errors.Is(err, c.want) || !typed || e.Member != c.member || e.Index != c.index:
			return fmt.Errorf("the error for %s is %w", c.name, err)
		}
	}
	if !s.options.EqualOnly {
		return nil
	}
	_, err := s.strategy.Build(members(3, 1, 2))
	if _, typed := errors.AsType[*selector.GroupError](err); !typed {
		return fmt.Errorf("unequal weights are not refused with a *GroupError: %w", err)
	}
	return nil
}
