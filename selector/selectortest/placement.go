package selectortest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ecmp-go/ecmp/selector"
)

// Sampling errors of this many standard deviations are forgiven: a property of
// hundreds of shares fails by chance once in ten thousand strategies, and as
// hashes are the same every time, it then does so always or never.
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
	return errors.Join(s.large(), s.selectors(func(g []selector.Member, built selector.Selector) error {
		_, err := placement(g, built, list)
		return err
	}))
}

// large tries groups that do not fit into one byte, unless the strategy's
// parameters rule them out. An index that was cut off names another member once
// the list is in another order.
func (s *suite) large() error {
	list := append(edges(), hashes(1000)...)
	for _, n := range []int{256, 257, 1000} {
		if uint64(n) > s.options.MaxWeight {
			break
		}
		g := members(n, 1)
		built, err := s.strategy.Build(g)
		if _, refused := errors.AsType[*selector.GroupError](err); refused {
			continue
		}
		if err != nil {
			return err
		}
		want, err := placement(g, built, list)
		if err != nil {
			return fmt.Errorf("%d members: %w", n, err)
		}
		if s.ordered() {
			continue
		}
		got, err := s.build(reversed(g), list)
		if err != nil {
			return err
		}
		if err := same(want, got, list); err != nil {
			return fmt.Errorf("%d members in another order: %w", n, err)
		}
	}
	return nil
}

// weights compares shares with weights, for random 64-bit hashes and for 32-bit
// hashes in the high half.
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
	// The sum of squared sampling errors is distributed about as noise/k times
	// chi-squared of k degrees of freedom, whose tail is approximated after
	// Wilson and Hilferty.
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
			scaled[i].Weight *= factor
		}
		if sumOf(scaled) > s.options.MaxWeight {
			return nil // equal weights, which can't be less
		}
		got, err := s.build(scaled, list)
		if err != nil {
			return err
		}
		return same(want, got, list)
	})
}

// listGiven checks that Build leaves the caller's list alone: that it neither
// changes it nor reads it later.
func (s *suite) listGiven() error {
	list := hashes(1000)
	return s.selectors(func(g []selector.Member, _ selector.Selector) error {
		want, err := s.build(reversed(g), list)
		if err != nil {
			return err
		}
		given := reversed(g)
		built, err := s.strategy.Build(given)
		if err != nil {
			return err
		}
		if !slices.Equal(given, reversed(g)) {
			return errors.New("changed by Build")
		}
		for i := range given {
			given[i] = selector.Member{ID: "overwritten", Weight: 1}
		}
		got, err := placement(reversed(g), built, list)
		if err != nil {
			return err
		}
		if err := same(want, got, list); err != nil {
			return fmt.Errorf("kept by Build: %w", err)
		}
		return nil
	})
}

// refusal checks the claim of EqualOnly.
func (s *suite) refusal() error {
	if !s.options.EqualOnly {
		return nil
	}
	_, err := s.strategy.Build(members(3, 1, 2))
	if _, typed := errors.AsType[*selector.GroupError](err); !typed {
		return fmt.Errorf("not answered with a *GroupError: %w", err)
	}
	return nil
}
