package selectortest_test

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/selector/selectortest"
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

	selects func(h uint64) int
	batch   func(dst []int32, hashes []uint64)
	next    func(h uint64, after int) int
}

func (f *fault) Select(h uint64) int {
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
			dst[i] = int32(f.selects(h))
		}
	default:
		f.whole.SelectBatch(dst, hashes)
	}
}

func (f *fault) Next(h uint64, after int) int {
	if f.next != nil {
		return f.next(h, after)
	}
	return f.whole.Next(h, after)
}

// selecting is a strategy whose Select is faulty; it has no order of
// preference.
func selecting(f func(members []selector.Member, w whole, h uint64) int) strategy {
	return strategy{wrap: func(members []selector.Member, w whole) selector.Selector {
		return struct{ selector.BatchSelector }{&fault{whole: w,
			selects: func(h uint64) int { return f(members, w, h) }}}
	}}
}

func batching(f func(w whole, dst []int32, hashes []uint64)) strategy {
	return strategy{wrap: func(_ []selector.Member, w whole) selector.Selector {
		return &fault{whole: w, batch: func(dst []int32, hashes []uint64) { f(w, dst, hashes) }}
	}}
}

func following(f func(w whole, h uint64, after int) int) strategy {
	return strategy{wrap: func(_ []selector.Member, w whole) selector.Selector {
		return &fault{whole: w, next: func(h uint64, after int) int { return f(w, h, after) }}
	}}
}

// table is a Tabled whose table is another's.
type table struct{ selector.Selector }

func (table) Slots() int      { return 64 }
func (table) Owner(int) int   { return 0 }
func half(w uint32) uint32    { return (w + 1) / 2 }
func least(h uint64) bool     { return h == 0 }
func unit(m *selector.Member) { m.Weight = min(m.Weight, 1) }

// history is a Rebuilder; f says what follows it.
type history struct {
	selector.Selector
	f func(members []selector.Member, prev []int) (selector.Selector, error)
}

func (r history) Rebuild(members []selector.Member, prev []int) (selector.Selector, error) {
	return r.f(members, prev)
}

func rebuilding(
	f func(old []selector.Member, members []selector.Member, prev []int) (selector.Selector, error),
) strategy {
	return strategy{wrap: func(old []selector.Member, w whole) selector.Selector {
		return history{w, func(members []selector.Member, prev []int) (selector.Selector, error) {
			return f(old, members, prev)
		}}
	}}
}

// TestBroken shows that the suite finds what it is there to find.
func TestBroken(t *testing.T) {
	var calls atomic.Uint64
	for name, c := range map[string]struct {
		strategy selector.Strategy
		options  selectortest.Options
		want     string // the property found broken
	}{
		"state in look-ups": {
			selecting(func(_ []selector.Member, w whole, h uint64) int { return w.Select(h ^ calls.Add(1)>>10<<60) }),
			selectortest.Options{}, "determinism",
		},
		"state in Build": {
			strategy{edit: func(m []selector.Member) []selector.Member {
				for i := range m {
					m[i].ID += string(rune('a' + calls.Add(1)%16))
				}
				return m
			}}, selectortest.Options{}, "determinism",
		},
		"order dependent": {
			selector.Strategy(keepOrder{}), selectortest.Options{Disruption: math.Inf(1)}, "order of members",
		},
		"index out of range": {
			selecting(func(m []selector.Member, w whole, h uint64) int {
				if least(h) {
					return len(m)
				}
				return w.Select(h)
			}), selectortest.Options{}, "totality",
		},
		"no answer": {
			selecting(func(_ []selector.Member, w whole, h uint64) int {
				if h == ^uint64(0) {
					return -1
				}
				return w.Select(h)
			}), selectortest.Options{}, "totality",
		},
		"cuts indexes to a byte": {
			selecting(func(_ []selector.Member, w whole, h uint64) int { return int(uint8(w.Select(h))) }),
			selectortest.Options{}, "totality",
		},
		"drained becomes one": {
			strategy{edit: func(m []selector.Member) []selector.Member {
				for i := range m {
					m[i].Weight = max(m[i].Weight, 1)
				}
				return m
			}}, selectortest.Options{}, "totality",
		},
		"panics on an edge": {
			selecting(func(_ []selector.Member, w whole, h uint64) int {
				if least(h) {
					panic("no")
				}
				return w.Select(h)
			}), selectortest.Options{}, "totality",
		},
		"ignores weights": {
			strategy{edit: func(m []selector.Member) []selector.Member {
				for i := range m {
					unit(&m[i])
				}
				return m
			}}, selectortest.Options{Disruption: math.Inf(1)}, "weights",
		},
		"favours a member a little": {
			selecting(func(m []selector.Member, w whole, h uint64) int {
				if h>>8&0xff < 8 && m[len(m)-1].Weight > 0 { // 3 % more
					return len(m) - 1
				}
				return w.Select(h)
			}), selectortest.Options{Disruption: math.Inf(1)}, "weights",
		},
		"ignores the high half": {
			selecting(func(_ []selector.Member, w whole, h uint64) int { return w.Select(h << 32) }),
			selectortest.Options{}, "weights",
		},
		"goes by absolute weights": {
			strategy{edit: func(m []selector.Member) []selector.Member {
				for i := range m {
					m[i].Weight = half(m[i].Weight)
				}
				return m
			}}, selectortest.Options{Imbalance: 10, Disruption: math.Inf(1)}, "common factor",
		},
		"moves what need not": {selector.Modulo{}, selectortest.Options{}, "disruption"},
		"moves too much":      {selector.Modulo{}, selectortest.Options{Disruption: 8}, "disruption"},
		"moves one of 100":    {selector.Maglev{}, selectortest.Options{Disruption: 1.001}, "disruption"},
		"not minimal":         {selector.Maglev{}, selectortest.Options{}, "disruption"},
		"positional":          {selector.Jump{}, selectortest.Options{Disruption: 1.5}, "disruption"},
		"batch of another hash": {
			batching(func(w whole, dst []int32, hashes []uint64) {
				w.SelectBatch(dst, hashes)
				if len(hashes) == 33 {
					dst[32] = int32(w.Select(^hashes[32]))
				}
			}), selectortest.Options{}, "batch",
		},
		"batch writes on": {
			batching(func(w whole, dst []int32, hashes []uint64) {
				w.SelectBatch(dst, hashes)
				if len(dst) > len(hashes) {
					dst[len(hashes)] = 0
				}
			}), selectortest.Options{}, "batch",
		},
		"batch into capacity": {
			batching(func(w whole, dst []int32, hashes []uint64) { w.SelectBatch(dst[:len(hashes)], hashes) }),
			selectortest.Options{}, "batch",
		},
		"order ends early": {
			following(func(whole, uint64, int) int { return -1 }), selectortest.Options{}, "order of preference",
		},
		"order goes round": {
			following(func(w whole, h uint64, after int) int {
				if n := w.Next(h, after); n >= 0 {
					return n
				}
				return w.Select(h)
			}), selectortest.Options{}, "order of preference",
		},
		"order of another hash": {
			following(func(w whole, h uint64, after int) int { return w.Next(^h, after) }),
			selectortest.Options{}, "order of preference",
		},
		"table of another": {
			strategy{wrap: func(_ []selector.Member, w whole) selector.Selector { return table{w} }},
			selectortest.Options{}, "table",
		},
		"allocates": {
			selecting(func(_ []selector.Member, w whole, h uint64) int {
				garbage.Store(&h)
				return w.Select(h)
			}), selectortest.Options{}, "allocations",
		},
		"loses track beside others": {
			selecting(func(_ []selector.Member, w whole, h uint64) int {
				busy.Add(1)
				defer busy.Add(-1)
				runtime.Gosched()
				if busy.Load() > 1 {
					return w.Select(^h)
				}
				return w.Select(h)
			}), selectortest.Options{}, "concurrency",
		},
		"Rebuild goes by position": {
			rebuilding(func(old, members []selector.Member, _ []int) (selector.Selector, error) {
				renamed := slices.Clone(members)
				for i := range min(len(renamed), len(old)) {
					renamed[i].ID = old[i].ID
				}
				return selector.New(selector.Rendezvous{}, renamed)
			}), selectortest.Options{Disruption: math.Inf(1)}, "rebuild",
		},
		"Rebuild accepts nothing": {
			rebuilding(func(old, members []selector.Member, _ []int) (selector.Selector, error) {
				if len(members) == 0 {
					members = old
				}
				return selector.New(selector.Rendezvous{}, members)
			}), selectortest.Options{}, "rebuild",
		},
		"Rebuild starts over": {
			rebuilding(func(_, members []selector.Member, prev []int) (selector.Selector, error) {
				return selector.New(selector.Rendezvous{Seed: uint64(slices.Index(prev, -1) + 1)}, members)
			}), selectortest.Options{}, "disruption",
		},
		"takes what it should refuse": {
			selector.Rendezvous{}, selectortest.Options{EqualOnly: true}, "unequal weights",
		},
		"sorts the list given": {sorting{}, selectortest.Options{}, "list given"},
		"reads the list given later": {keeping{}, selectortest.Options{Imbalance: 10, Disruption: math.Inf(1)},
			"list given"},
		"is at a loss with 257 or more": {ofBytes{}, selectortest.Options{}, "totality"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Samples = 40_000
			err := selectortest.Check(c.strategy, c.options)
			require.Error(t, err)
			assert.Contains(t, "\n"+err.Error(), "\n"+c.want+": ")
		})
	}
}

var (
	garbage atomic.Pointer[uint64]
	busy    atomic.Int32
)

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

func (k kept) Select(uint64) int {
	first := slices.MinFunc(k, func(a, b selector.Member) int {
		return cmp.Or(cmp.Compare(min(b.Weight, 1), min(a.Weight, 1)), cmp.Compare(a.ID, b.ID))
	})
	return slices.Index(k, first)
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

func (c constant) Select(uint64) int { return int(c) }

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

func TestSound(t *testing.T) {
	selectortest.Test(t, selector.Rendezvous{}, selectortest.Options{})
	selectortest.Test(t, noWeights{}, selectortest.Options{EqualOnly: true})
	selectortest.Test(t, rebuilding(func(_, members []selector.Member, _ []int) (selector.Selector, error) {
		return selector.New(selector.Rendezvous{}, members)
	}), selectortest.Options{})
}
