package selectortest_test

import (
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/selector/selectortest"
)

// TestBroken shows that the suite finds what it is there to find.
func TestBroken(t *testing.T) {
	racecheck.OneGoroutine(t) // TestSound runs what has several
	var calls atomic.Uint64
	for name, c := range map[string]struct {
		strategy selector.Strategy
		options  selectortest.Options
		want     string // the property found broken
	}{
		"state in look-ups": {
			selecting(func(_ []selector.Member, w whole, h uint64) int32 { return w.Select(h ^ calls.Add(1)>>10<<60) }),
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
			selecting(func(m []selector.Member, w whole, h uint64) int32 {
				if least(h) {
					return int32(len(m))
				}
				return w.Select(h)
			}), selectortest.Options{}, "totality",
		},
		"no answer": {
			selecting(func(_ []selector.Member, w whole, h uint64) int32 {
				if h == ^uint64(0) {
					return -1
				}
				return w.Select(h)
			}), selectortest.Options{}, "totality",
		},
		"cuts indexes to a byte": {
			selecting(func(_ []selector.Member, w whole, h uint64) int32 { return int32(uint8(w.Select(h))) }),
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
			selecting(func(_ []selector.Member, w whole, h uint64) int32 {
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
			selecting(func(m []selector.Member, w whole, h uint64) int32 {
				if h>>8&0xff < 8 && m[len(m)-1].Weight > 0 { // 3 % more
					return int32(len(m)) - 1
				}
				return w.Select(h)
			}), selectortest.Options{Disruption: math.Inf(1)}, "weights",
		},
		"ignores the high half": {
			selecting(func(_ []selector.Member, w whole, h uint64) int32 { return w.Select(h << 32) }),
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
					dst[32] = w.Select(^hashes[32])
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
			following(func(whole, uint64, int32) int32 { return -1 }), selectortest.Options{}, "order of preference",
		},
		"order goes round": {
			following(func(w whole, h uint64, after int32) int32 {
				if n := w.Next(h, after); n >= 0 {
					return n
				}
				return w.Select(h)
			}), selectortest.Options{}, "order of preference",
		},
		"order of another hash": {
			following(func(w whole, h uint64, after int32) int32 { return w.Next(^h, after) }),
			selectortest.Options{}, "order of preference",
		},
		"table of another": {
			strategy{wrap: func(_ []selector.Member, w whole) selector.Selector { return table{w} }},
			selectortest.Options{}, "table",
		},
		"allocates": {
			selecting(func(_ []selector.Member, w whole, h uint64) int32 {
				garbage.Store(&h)
				return w.Select(h)
			}), selectortest.Options{}, "allocations",
		},
		"loses track beside others": {
			selecting(func(_ []selector.Member, w whole, h uint64) int32 {
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
			rebuilding(func(old, members []selector.Member, _ []int32) (selector.Selector, error) {
				renamed := slices.Clone(members)
				for i := range min(len(renamed), len(old)) {
					renamed[i].ID = old[i].ID
				}
				return selector.New(selector.Rendezvous{}, renamed)
			}), selectortest.Options{Disruption: math.Inf(1)}, "rebuild",
		},
		"Rebuild accepts nothing": {
			rebuilding(func(old, members []selector.Member, _ []int32) (selector.Selector, error) {
				if len(members) == 0 {
					members = old
				}
				return selector.New(selector.Rendezvous{}, members)
			}), selectortest.Options{}, "rebuild",
		},
		"Rebuild starts over": {
			rebuilding(func(_, members []selector.Member, prev []int32) (selector.Selector, error) {
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

func TestSound(t *testing.T) {
	selectortest.Test(t, selector.Rendezvous{}, selectortest.Options{})
	selectortest.Test(t, noWeights{}, selectortest.Options{EqualOnly: true})
	selectortest.Test(t, rebuilding(func(_, members []selector.Member, _ []int32) (selector.Selector, error) {
		return selector.New(selector.Rendezvous{}, members)
	}), selectortest.Options{})
}

// TestMaxWeight: a strategy that refuses more than 64 units of weight is sound
// once the suite knows that.
func TestMaxWeight(t *testing.T) {
	o := selectortest.Options{Disruption: math.Inf(1), Samples: 10_000}
	require.Error(t, selectortest.Check(unitEntries{}, o))
	for _, o.MaxWeight = range []uint64{10, 17, 64} {
		builtMost.Store(0)
		require.NoError(t, selectortest.Check(unitEntries{}, o))
		assert.LessOrEqual(t, builtMost.Load(), o.MaxWeight)
		assert.Greater(t, builtMost.Load(), o.MaxWeight/2)
	}
}
