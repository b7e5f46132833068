package suite

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/edwingeng/doublejump"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// thinnedCopies are few, since each of the members leaves each of them.
const thinnedCopies = 16

// removalCases are look-ups after a share of n members left, one after another
// and in random order, which strategies that know their history pay for. They
// take turns with the look-ups among all n.
func removalCases(keys func() *subject.Keys, n int) (cases []Case) {
	add := func(strategy, impl string, gone int, form string, build func() (any, error),
		lookup func(any) (subject.Lookup, error)) {
		name := fmt.Sprintf("strategy=%s/n=%d/gone=%dpct/impl=%s/form=%s", strategy, n, gone, impl, form)
		cases = append(cases, Case{name, func() (*Work, error) {
			bytes, err := heldBy(thinnedCopies, build)
			if err != nil {
				return nil, err
			}
			built, err := build()
			if err != nil {
				return nil, err
			}
			l, err := lookup(built)
			if err != nil {
				return nil, err
			}
			k := keys()
			return &Work{Items: subject.KeyCount, Pass: func() { l(k) },
				Figures: results.Exact(numbers{"held-bytes": bytes})}, nil
		}})
	}
	for _, gone := range []int{10, 50, 90} {
		leave := leavers(n, gone)
		for _, s := range subject.Strategies() {
			if s.Name != "anchor" && s.Name != "memento" {
				continue
			}
			build := func() (any, error) { return thinned(s, n, leave) }
			add(s.Name, s.Impl(), gone, "one", build, func(b any) (subject.Lookup, error) {
				return subject.One(b.(selector.Selector)), nil
			})
			add(s.Name, s.Impl(), gone, "batch32", build, func(b any) (subject.Lookup, error) {
				return batches(b.(selector.Selector))
			})
		}
		build := func() (any, error) { return subject.ThinnedDoubleJump(n, leave), nil }
		add("memento", "doublejump", gone, "one", build,
			func(b any) (subject.Lookup, error) { return subject.InDoubleJump(b.(*doublejump.Hash)), nil })
	}
	return cases
}

// leavers returns which members leave when a share of n does, in that order.
func leavers(n, percent int) []int {
	return rand.New(rand.NewPCG(11, uint64(n))).Perm(n)[:n*percent/100]
}

// thinned returns what is left of a selector for n members after these leave.
func thinned(s subject.Strategy, n int, leave []int) (selector.Selector, error) {
	members := subject.Members(n, 1)
	built, err := selector.New(s, members)
	for _, i := range leave {
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(members, func(m selector.Member) bool { return m.ID == subject.ID(i) })
		prev := make([]int32, 0, n)
		for j := range members {
			if j != at {
				prev = append(prev, int32(j))
			}
		}
		members = slices.Delete(slices.Clone(members), at, at+1)
		built, err = built.(selector.Rebuilder).Rebuild(members, prev)
	}
	return built, err
}
