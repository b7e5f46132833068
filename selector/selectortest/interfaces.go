package selectortest

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"testing"

	"github.com/ecmp-go/ecmp/selector"
)

// batch checks SelectBatch with bursts of all lengths, and that it writes no
// further.
func (s *suite) batch() error {
	list := hashes(101)
	return s.selectors(func(_ []selector.Member, built selector.Selector) error {
		b, ok := built.(selector.BatchSelector)
		if !ok {
			return nil
		}
		for n := range 101 {
			got := slices.Repeat([]int32{-7}, n+1)
			b.SelectBatch(got, list[:n])
			for i, h := range list[:n] {
				if want := built.Select(h); got[i] != want {
					return fmt.Errorf("SelectBatch of %d hashes has %d for %#x, Select %d", n, got[i], h, want)
				}
			}
			if got[n] != -7 {
				return fmt.Errorf("SelectBatch of %d hashes writes behind them", n)
			}
		}
		if !panics(func() { b.SelectBatch(make([]int32, 3, 8), list[:4]) }) {
			return errors.New("SelectBatch does not panic where dst is shorter than hashes")
		}
		return nil
	})
}

func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

// preference walks the order of preference, which must hold each member of
// positive weight once.
func (s *suite) preference() error {
	list := append(edges()[:100], hashes(300)...)
	return s.selectors(func(g []selector.Member, built selector.Selector) error {
		r, ok := built.(selector.Ranker)
		if !ok {
			return nil
		}
		positive := 0
		for _, m := range g {
			if m.Weight > 0 {
				positive++
			}
		}
		for _, h := range list {
			seen := map[int32]bool{}
			for m := r.Select(h); m != -1; m = r.Next(h, m) {
				if m < 0 || int(m) >= len(g) || g[m].Weight == 0 || seen[m] {
					return fmt.Errorf("the order of %#x has member %d in place %d", h, m, len(seen))
				}
				seen[m] = true
			}
			if len(seen) != positive {
				return fmt.Errorf("the order of %#x has %d of %d members", h, len(seen), positive)
			}
		}
		return nil
	})
}

func (s *suite) table() error {
	list := append(edges(), hashes(10_000)...)
	return s.selectors(func(_ []selector.Member, built selector.Selector) error {
		t, ok := built.(selector.Tabled)
		if !ok {
			return nil
		}
		if t.Slots() < 1 {
			return fmt.Errorf("a table of %d slots", t.Slots())
		}
		for _, h := range list {
			slot, _ := bits.Mul64(h, uint64(t.Slots()))
			if got, want := t.Owner(int(slot)), built.Select(h); got != want {
				return fmt.Errorf("hash %#x reads slot %d, which %d owns, and Select is %d", h, slot, got, want)
			}
		}
		return nil
	})
}

func (s *suite) allocations() error {
	list := hashes(64)
	dst := make([]int32, len(list))
	return s.selectors(func(_ []selector.Member, built selector.Selector) error {
		sum := int32(0)
		paths := map[string]func(){"Select": func() {
			for _, h := range list {
				sum += built.Select(h)
			}
		}}
		if b, ok := built.(selector.BatchSelector); ok {
			paths["SelectBatch"] = func() { b.SelectBatch(dst, list) }
		}
		if r, ok := built.(selector.Ranker); ok {
			paths["Next"] = func() {
				for _, h := range list {
					sum += r.Next(h, r.Select(h))
				}
			}
		}
		for name, path := range paths {
			if n := testing.AllocsPerRun(10, path); n != 0 {
				return fmt.Errorf("%s allocates: %.0f allocations for %d hashes", name, n, len(list))
			}
		}
		return nil
	})
}

// concurrency is for the race detector above all.
func (s *suite) concurrency() error {
	list := hashes(2000)
	return s.selectors(func(_ []selector.Member, built selector.Selector) error {
		want := make([]int32, len(list))
		for i, h := range list {
			want[i] = built.Select(h)
		}
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for worker := range errs {
			wg.Go(func() {
				defer func() {
					if r := recover(); r != nil {
						errs[worker] = fmt.Errorf("panic: %v", r)
					}
				}()
				errs[worker] = lookUp(built, list, want)
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	})
}

func lookUp(built selector.Selector, list []uint64, want []int32) error {
	b, _ := built.(selector.BatchSelector)
	r, _ := built.(selector.Ranker)
	dst := make([]int32, 1)
	for i, h := range list {
		if got := built.Select(h); got != want[i] {
			return fmt.Errorf("beside others, Select(%#x) = %d, alone %d", h, got, want[i])
		}
		if r != nil {
			r.Next(h, want[i])
		}
		if b == nil {
			continue
		}
		if b.SelectBatch(dst, list[i:i+1]); dst[0] != want[i] {
			return fmt.Errorf("beside others, SelectBatch(%#x) has %d, alone %d", h, dst[0], want[i])
		}
	}
	return nil
}
