package selector_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// slacks are the slacks that tests try, and what the model calls them.
var slacks = []struct {
	slack selector.Slack
	model int
}{{0, 50}, {selector.NoSlack, 0}, {1, 1}, {20, 20}, {50, 50}, {500, 500}, {selector.UnlimitedSlack, place.Unlimited}}

// owners returns the table of a selector.
func owners(s selector.Selector) []int {
	t := s.(selector.Tabled)
	list := make([]int, t.Slots())
	for slot := range list {
		list[slot] = int(t.Owner(slot))
	}
	return list
}

func TestBoundedEqualsModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(5, 1))
	for _, slots := range []int{64, 128, 256, 1024, 4096} {
		for _, n := range []int{1, 2, 3, 8, 30, 60, 64, 120, 256, 300, 1000} {
			if n > slots || n*slots > 130_000 {
				continue
			}
			for _, s := range slacks {
				seed := r.Uint64N(2) * r.Uint64()
				b := selector.Bounded{Slots: uint32(slots), Slack: s.slack, Seed: seed}
				group := randomGroup(r, n)
				model := modelled(group)
				built := build(t, b, group)
				want := place.Bounded(model, slots, s.model, seed)
				require.Equal(t, want, owners(built), "%+v, %v", b, group)
				for range 2 {
					h := r.Uint64()
					slot := int(slotOf(h, uint64(slots)))
					want := place.BoundedOrder(model, slots, seed, want[slot], slot)
					require.Equal(t, want, order(built, h), "%+v, %v, %#x", b, group, h)
				}
			}
		}
	}
}

// TestBoundedEqualsMerge compares with the faster model, after comparing the
// two models.
func TestBoundedEqualsMerge(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(5, 2))
	for range 20 {
		model, slack := modelled(randomGroup(r, 1+r.IntN(90))), slacks[r.IntN(len(slacks))].model
		merged, _ := place.BoundedMerge(model, 256, slack, 1)
		require.Equal(t, place.Bounded(model, 256, slack, 1), merged)
	}
	for i, n := range []int{2, 10, 100, 100, 1000, 3000, selector.MaxMembers} {
		group := randomGroup(r, n)
		if i%2 == 0 {
			for k := range group {
				group[k].Weight = []uint32{1, 2, 3, 10}[k%4]
			}
		}
		s := slacks[i%len(slacks)]
		built := build(t, selector.Bounded{Slack: s.slack}, group)
		want, _ := place.BoundedMerge(modelled(group), selector.DefaultBoundedSlots, s.model, 0)
		require.Equal(t, want, owners(built), "%d members, slack %v", n, s.slack)
	}
}

// TestBoundedExtremeWeights has weights so far apart that the clock of one has
// run out before another's starts.
func TestBoundedExtremeWeights(t *testing.T) {
	for _, weights := range [][]uint32{
		{1, math.MaxUint32 - 2}, {1, 1, 1 << 31}, {1 << 31, 1<<31 - 2}, {1, 1 << 8, 1 << 16, 1 << 24},
		{3, 1<<31 - 1, 1<<31 - 5},
		{1, 2, 3, 4, 5, 1 << 30},
	} {
		var group []selector.Member
		for i, w := range weights {
			group = append(group, selector.Member{ID: fmt.Sprint(i), Weight: w})
		}
		for _, s := range slacks {
			for _, slots := range []int{64, 4096} {
				built := build(t, selector.Bounded{Slots: uint32(slots), Slack: s.slack}, group)
				want, _ := place.BoundedMerge(modelled(group), slots, s.model, 0)
				require.Equal(t, want, owners(built), "%v, %v", weights, s)
			}
		}
	}
}

func TestBoundedIsHistoryFreeAndScales(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	for range 40 {
		group := randomGroup(r, 1+r.IntN(60))
		for i := range group {
			group[i].Weight %= 1 << 20
		}
		group[0].Weight |= 1
		b := selector.Bounded{Slots: 1 << 10, Slack: slacks[r.IntN(len(slacks))].slack, Seed: r.Uint64()}
		ids := func(group []selector.Member) []string {
			var list []string
			for _, owner := range owners(build(t, b, group)) {
				list = append(list, group[owner].ID)
			}
			return list
		}
		want := ids(group)
		r.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
		require.Equal(t, want, ids(group), "another order")
		for i := range group {
			group[i].Weight *= 60
		}
		require.Equal(t, want, ids(group), "weights 60 times as large")
	}
}

// TestBoundedDefaults: zero values are the documented ones, and say so in the
// fingerprint.
func TestBoundedDefaults(t *testing.T) {
	fingerprint := func(b selector.Bounded) uint64 {
		g, err := selector.NewGroup[struct{}](selector.NewDomain(), selector.GroupConfig{Name: "g", Strategy: b})
		require.NoError(t, err)
		s, err := g.Update([]selector.Hop[struct{}]{{ID: "a", Weight: 1}})
		require.NoError(t, err)
		return s.View().Fingerprint()
	}
	zero := fingerprint(selector.Bounded{})
	assert.Equal(t, zero, fingerprint(selector.Bounded{Slots: selector.DefaultBoundedSlots,
		Slack: selector.DefaultSlack}))
	seen := map[uint64]bool{zero: true}
	for _, b := range []selector.Bounded{
		{Slots: 64}, {Slack: selector.NoSlack}, {Slack: selector.UnlimitedSlack}, {Slack: 1}, {Seed: 1}, {Slack: 51},
	} {
		assert.False(t, seen[fingerprint(b)], "%+v", b)
		seen[fingerprint(b)] = true
	}
	for s, want := range map[selector.Slack]string{
		0: "0.05", 1: "0.001", 20: "0.02", 1000: "1", 1230: "1.23", selector.NoSlack: "0",
		selector.UnlimitedSlack: "unlimited", selector.UnlimitedSlack - 1: "4294967.293",
	} {
		assert.Equal(t, want, s.String())
	}
}

func TestBoundedSlots(t *testing.T) {
	racecheck.OneGoroutine(t)
	group := selector.Equal(names(rand.New(rand.NewPCG(5, 7)), 129)...)
	group[3].Weight = 0
	for _, c := range []struct {
		slots   uint32
		limit   uint64
		message string
	}{
		{64, 128, "selector: bad table size: fewer slots than members: 64 (limit 128)"},
		{129, 0, "selector: bad table size: not a power of two: 129"},
		{65537, 0, "selector: bad table size: not a power of two: 65537"},
		{1 << 23, 1 << 22, "selector: bad table size: too many slots: 8388608 (limit 4194304)"},
		{math.MaxUint32, 1 << 22, "selector: bad table size: too many slots: 4294967295 (limit 4194304)"},
	} {
		built, err := selector.Bounded{Slots: c.slots}.Build(group)
		assert.Nil(t, built)
		require.ErrorIs(t, err, selector.ErrTableSize)
		var e *selector.GroupError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, selector.GroupError{Err: e.Err, Index: -1, Value: uint64(c.slots), Limit: c.limit}, *e)
		require.EqualError(t, err, c.message)
	}
	_, err := selector.Bounded{Slots: 32}.Build(group[:4])
	require.EqualError(t, err, "selector: bad table size: too few slots: 32 (limit 64)")
	for _, slots := range []uint32{0, 128, 1 << 22} {
		table := build(t, selector.Bounded{Slots: slots}, group).(selector.Tabled)
		assert.Equal(t, int(cmp.Or(slots, selector.DefaultBoundedSlots)), table.Slots())
	}
}

// TestBoundedLightMember: a member that is due less than a slot may own none,
// but it is in the order of preference.
func TestBoundedLightMember(t *testing.T) {
	group := []selector.Member{{ID: "heavy", Weight: 1_000_000}, {ID: "light", Weight: 1}, {ID: "drained"}}
	built := build(t, selector.Bounded{Slots: 64}, group)
	for h := range uint64(64) {
		assert.Equal(t, []int{0, 1}, order(built, h<<58))
	}
	for _, after := range []int32{-1, 2, 3, math.MaxInt32} {
		assert.EqualValues(t, -1, built.(selector.Ranker).Next(12345, after), after)
	}
}
