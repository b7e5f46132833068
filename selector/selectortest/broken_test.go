package selectortest_test

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/selector"
)

// strategy is a Rendezvous with a fault: edit changes the members that it
// builds from, wrap what it builds.
type strategy struct {
	edit func([]selector.Member) []selector.Member
	wrap func([]selector.Member, whole) selector.Selector
}

type whole interface {
	selector.BatchSelector
	selector.Ranker
}

func (s strategy) Build(members []selector.Member) (selector.Selector, error) {
	edited := members
	if s.edit != nil {
		edited = s.edit(slices.Clone(members))
	}
	built, err := selector.Rendezvous{}.Build(edited)
	if err != nil || s.wrap == nil {
		return built, err
	}
	return s.wrap(members, built.(whole)), nil
}

// fault overrides some methods of a selector.
type fault struct {
	whole

	selects func(h uint64) int32
	batch   func(dst []int32, hashes []uint64)
	next    func(h uint64, after int32) int32
}

func (f *fault) Select(h uint64) int32 {
	if f.selects != nil {
		return f.selects(h)
	}
	return f.whole.Select(h)
}

func (f *fault) SelectBatch(dst []int32, hashes []uint64) {
	switch {
	case f.batch != nil:
		f.batch(dst, hashes)
	case f.selects != nil:
		_ = dst[:len(hashes):len(dst)]
		for i, h := range hashes {
			dst[i] = f.selects(h)
		}
	default:
		f.whole.SelectBatch(dst, hashes)
	}
}

func (f *fault) Next(h uint64, after int32) int32 {
	if f.next != nil {
		return f.next(h, after)
	}
	return f.whole.Next(h, after)
}

// selecting is a strategy whose Select is faulty; it has no order of
// preference.
func selecting(f func(members []selector.Member, w whole, h uint64) int32) strategy {
	return strategy{wrap: func(members []selector.Member, w whole) selector.Selector {
		return struct{ selector.BatchSelector }{&fault{whole: w,
			selects: func(h uint64) int32 { return f(members, w, h) }}}
	}}
}

func batching(f func(w whole, dst []int32, hashes []uint64)) strategy {
	return strategy{wrap: func(_ []selector.Member, w whole) selector.Selector {
		return &fault{whole: w, batch: func(dst []int32, hashes []uint64) { f(w, dst, hashes) }}
	}}
}

func following(f func(w whole, h uint64, after int32) int32) strategy {
	return strategy{wrap: func(_ []selector.Member, w whole) selector.Selector {
		return &fault{whole: w, next: func(h uint64, after int32) int32 { return f(w, h, after) }}
	}}
}

// table is a Tabled whose table is another's.
type table struct{ selector.Selector }

func (table) Slots() int { return 64 }

func (table) Owner(int) int32 { return 0 }

func half(w uint32) uint32 { return (w + 1) / 2 }

func least(h uint64) bool { return h == 0 }

func unit(m *selector.Member) { m.Weight = min(m.Weight, 1) }

// history is a Rebuilder; f says what follows it.
type history struct {
	selector.Selector
	f func(members []selector.Member, prev []int32) (selector.Selector, error)
}

func (r history) Rebuild(members []selector.Member, prev []int32) (selector.Selector, error) {
	return r.f(members, prev)
}

func rebuilding(
	f func(old []selector.Member, members []selector.Member, prev []int32) (selector.Selector, error),
) strategy {
	return strategy{wrap: func(old []selector.Member, w whole) selector.Selector {
		return history{w, func(members []selector.Member, prev []int32) (selector.Selector, error) {
			return f(old, members, prev)
		}}
	}}
}

// sorting sorts the list of its caller.
type sorting struct{}

func (sorting) Build(members []selector.Member) (selector.Selector, error) {
	slices.SortFunc(members, func(a, b selector.Member) int { return cmp.Compare(a.ID, b.ID) })
	return selector.Rendezvous{}.Build(members)
}

// keeping has the first member of those in the list when it looks up.
type keeping struct{}

type kept []selector.Member

func (keeping) Build(members []selector.Member) (selector.Selector, error) { return kept(members), nil }

func (k kept) Select(uint64) int32 {
	first := slices.MinFunc(k, func(a, b selector.Member) int {
		return cmp.Or(cmp.Compare(min(b.Weight, 1), min(a.Weight, 1)), cmp.Compare(a.ID, b.ID))
	})
	return int32(slices.Index(k, first))
}

// ofBytes forgets that there may be more than 256 members.
type ofBytes struct{}

func (ofBytes) Build(members []selector.Member) (selector.Selector, error) {
	if len(members) > 256 {
		return constant(len(members)), nil
	}
	return selector.Rendezvous{}.Build(members)
}

type constant int

func (c constant) Select(uint64) int32 { return int32(c) }

// keepOrder depends on the order of members without saying so.
type keepOrder struct{}

func (keepOrder) Build(members []selector.Member) (selector.Selector, error) {
	return selector.Threshold{KeepOrder: true}.Build(members)
}

// noWeights refuses unequal weights, as it should.
type noWeights struct{}

func (noWeights) Build(members []selector.Member) (selector.Selector, error) {
	positive := slices.DeleteFunc(slices.Clone(members), func(m selector.Member) bool { return m.Weight == 0 })
	byWeight := func(a, b selector.Member) int { return cmp.Compare(a.Weight, b.Weight) }
	if slices.MinFunc(positive, byWeight).Weight != slices.MaxFunc(positive, byWeight).Weight {
		return nil, &selector.GroupError{Err: selector.ErrWeightSum, Index: -1}
	}
	return selector.Rendezvous{}.Build(members)
}

// unitEntries is Modulo with an entry for each unit of weight, at most 64.
type unitEntries struct{}

// builtMost is the greatest sum of weights that a unitEntries was asked for.
var builtMost atomic.Uint64

func (unitEntries) Build(members []selector.Member) (selector.Selector, error) {
	sum := uint64(0)
	for _, m := range members {
		sum += uint64(m.Weight)
	}
	builtMost.Store(max(builtMost.Load(), sum))
	if sum > 64 {
		return nil, &selector.GroupError{Err: selector.ErrTableSize, Index: -1, Value: sum, Limit: 64}
	}
	return selector.Modulo{}.Build(members)
}
