package suite

import (
	"fmt"
	"sync"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// slowest is the most members for which look-ups that take time in proportion
// to them are measured.
const slowest = 1000

// Select is look-ups of random keys that are in the cache.
func Select() Suite {
	return Suite{
		Name:  "Select",
		Cases: selectCases,
	}
}

func selectCases(size Size) []Case { return selectsOf(size.strategies(), size) }

// selectsOf returns look-ups of these strategies, and of others that do the
// same.
func selectsOf(strategies []subject.Strategy, size Size) (cases []Case) {
	keys := sync.OnceValue(func() *subject.Keys { return subject.RandomKeys(1) })
	add := func(strategy, impl string, n int, form string, prepare func() (subject.Lookup, error)) {
		if strategy == "rendezvous" && n > slowest {
			return
		}
		cases = append(cases, Case{fmt.Sprintf("strategy=%s/n=%d/impl=%s/form=%s", strategy, n, impl, form),
			func() (*Work, error) {
				lookup, err := prepare()
				if err != nil {
					return nil, err
				}
				k := keys()
				return &Work{Items: subject.KeyCount, Pass: func() { lookup(k) }}, nil
			}})
	}
	// ours adds a look-up in a selector of the library.
	ours := func(s subject.Strategy, n int, form string, lookup func(selector.Selector) (subject.Lookup, error)) {
		add(s.Name, s.Impl(), n, form, func() (subject.Lookup, error) {
			built, err := selector.New(s.Strategy, subject.Members(n, 1))
			if err != nil {
				return nil, err
			}
			return lookup(built)
		})
	}
	for _, s := range strategies {
		for _, n := range size.Curve {
			ours(s, n, "one", func(b selector.Selector) (subject.Lookup, error) { return subject.One(b), nil })
			if hasBatches(s) {
				ours(s, n, "batch32", batches)
			}
			if n <= slowest && isTable(s) {
				ours(s, n, "inlined", subject.Inlined)
			}
			for _, p := range subject.Peers() {
				if p.Strategy == s.Name && n <= slowest {
					add(s.Name, p.Name, n, "one", func() (subject.Lookup, error) { return p.New(subject.IDs(n)), nil })
				}
			}
		}
	}
	cases = append(cases, dependentCases(keys)...)
	cases = append(cases, removalCases(keys, size.Thinned)...)
	for _, n := range subject.Sizes() {
		tight := selector.Anchor{Capacity: uint32(n + n/10)}
		ours(subject.Strategy{Name: "anchor-tight", Strategy: tight}, n, "batch32", batches)
	}
	return cases
}

// dependentCases are look-ups each of which waits for the one before.
func dependentCases(keys func() *subject.Keys) (cases []Case) {
	const n = 100
	add := func(strategy, impl string, prepare func() (subject.Lookup, error)) {
		name := fmt.Sprintf("strategy=%s/n=%d/keys=dependent/impl=%s/form=one", strategy, n, impl)
		cases = append(cases, Case{name, func() (*Work, error) {
			lookup, err := prepare()
			if err != nil {
				return nil, err
			}
			k := keys()
			return &Work{Items: subject.KeyCount, Pass: func() { lookup(k) }}, nil
		}})
	}
	for _, s := range subject.Strategies() {
		add(s.Name, "ecmp", func() (subject.Lookup, error) {
			built, err := selector.New(s.Strategy, subject.Members(n, 1))
			if err != nil {
				return nil, err
			}
			return subject.Dependent(built), nil
		})
		for _, p := range subject.Peers() {
			if p.Strategy == s.Name && p.Dependent != nil {
				add(s.Name, p.Name, func() (subject.Lookup, error) { return p.Dependent(subject.IDs(n)), nil })
			}
		}
	}
	return cases
}

func batches(built selector.Selector) (subject.Lookup, error) {
	batch, ok := built.(selector.BatchSelector)
	if !ok {
		return nil, fmt.Errorf("%T has no batches", built)
	}
	return subject.Batches(batch), nil
}

// hasBatches reports whether a strategy builds what looks up bursts.
func hasBatches(s selector.Strategy) bool {
	built, err := selector.New(s, subject.Members(2, 1))
	if err != nil {
		return false
	}
	_, ok := built.(selector.BatchSelector)
	return ok
}

// isTable reports whether a strategy builds a table that [subject.Inlined]
// knows.
func isTable(s selector.Strategy) bool {
	built, err := selector.New(s, subject.Members(2, 1))
	if err != nil {
		return false
	}
	_, err = subject.Inlined(built)
	return err == nil
}
