package metrics_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// members turns "a", 1, "b", 2 into members.
func members(list ...any) []selector.Member {
	var m []selector.Member
	for i := 0; i < len(list); i += 2 {
		m = append(m, selector.Member{ID: list[i].(string), Weight: uint32(list[i+1].(int))})
	}
	return m
}

func TestBalance(t *testing.T) {
	for _, c := range []struct {
		name    string
		members []selector.Member
		owners  []int32
		want    metrics.Balance
	}{
		{"even", members("a", 1, "b", 1), []int32{0, 1, 1, 0}, metrics.Balance{PeakToMean: 1, RMSError: 0}},
		{"three to one", members("a", 1, "b", 1), []int32{0, 0, 1, 0}, metrics.Balance{PeakToMean: 1.5, RMSError: .5}},
		{"as weights say", members("a", 3, "b", 1), []int32{0, 0, 1, 0}, metrics.Balance{PeakToMean: 1, RMSError: 0}},
		{"the light member over its due", members("a", 3, "b", 1), []int32{0, 1, 1, 0},
			metrics.Balance{PeakToMean: 2, RMSError: math.Sqrt((1./9 + 1) / 2)}},
		{"one that gets nothing", members("a", 1, "b", 1), []int32{1, 1}, metrics.Balance{PeakToMean: 2, RMSError: 1}},
		{"drained", members("a", 1, "b", 0, "c", 1), []int32{0, 2}, metrics.Balance{PeakToMean: 1, RMSError: 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := metrics.Placement{Members: c.members, Owners: c.owners}.Balance()
			assert.InDelta(t, c.want.PeakToMean, got.PeakToMean, 1e-12)
			assert.InDelta(t, c.want.RMSError, got.RMSError, 1e-12)
		})
	}
}

func TestMoves(t *testing.T) {
	abc := members("a", 1, "b", 1, "c", 1)
	for _, c := range []struct {
		name          string
		before, after metrics.Placement
		want          metrics.Moves
		ratio         float64
	}{
		{"nothing, and the members are listed in another order",
			metrics.Placement{Members: abc, Owners: []int32{0, 1, 2, 2}},
			metrics.Placement{Members: members("c", 1, "a", 1, "b", 1), Owners: []int32{1, 2, 0, 0}},
			metrics.Moves{}, 1},
		{"b leaves, and one hash of a goes to c for nothing",
			metrics.Placement{Members: abc, Owners: []int32{0, 0, 1, 2}},
			metrics.Placement{Members: members("a", 1, "c", 1), Owners: []int32{0, 1, 0, 1}},
			metrics.Moves{Moved: .5, Forced: .25, Collateral: .25, Due: 1. / 3}, 2},
		{"b is drained",
			metrics.Placement{Members: abc, Owners: []int32{0, 1, 1, 2}},
			metrics.Placement{Members: members("a", 1, "b", 0, "c", 1), Owners: []int32{0, 0, 2, 2}},
			metrics.Moves{Moved: .5, Forced: .5, Due: 1. / 3}, 1},
		{"b comes back from a drain",
			metrics.Placement{Members: members("a", 1, "b", 0, "c", 1), Owners: []int32{0, 0, 2, 2}},
			metrics.Placement{Members: abc, Owners: []int32{0, 1, 0, 2}},
			metrics.Moves{Moved: .5, Forced: .25, Collateral: .25, Due: 1. / 3}, 2},
		{"d joins",
			metrics.Placement{Members: abc, Owners: []int32{0, 1, 2, 2}},
			metrics.Placement{Members: members("a", 1, "b", 1, "c", 1, "d", 1), Owners: []int32{3, 0, 2, 3}},
			metrics.Moves{Moved: .75, Forced: .5, Collateral: .25, Due: .25}, 1.5},
		{"d replaces c, and a hash goes from one to the other",
			metrics.Placement{Members: abc, Owners: []int32{0, 1, 2, 2}},
			metrics.Placement{Members: members("a", 1, "b", 1, "d", 1), Owners: []int32{0, 2, 2, 1}},
			metrics.Moves{Moved: .75, Forced: .75, Due: 1. / 3}, 1},
		{"a's due share grows from 1/2 to 3/4, and all goes from b to a",
			metrics.Placement{Members: members("a", 1, "b", 1), Owners: []int32{0, 0, 1, 1}},
			metrics.Placement{Members: members("a", 3, "b", 1), Owners: []int32{0, 0, 0, 0}},
			metrics.Moves{Moved: .5, Forced: .5, Due: .25}, 1},
		{"weights only, and less moved than is due",
			metrics.Placement{Members: members("a", 1, "b", 1), Owners: []int32{0, 1, 1, 1, 1, 1, 1, 1}},
			metrics.Placement{Members: members("a", 3, "b", 1), Owners: []int32{0, 0, 1, 1, 1, 1, 1, 1}},
			metrics.Moves{Moved: .125, Forced: .125, Due: .25}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := metrics.Compare(c.before, c.after)
			assert.InDelta(t, c.want.Moved, got.Moved, 1e-12)
			assert.InDelta(t, c.want.Forced, got.Forced, 1e-12)
			assert.InDelta(t, c.want.Collateral, got.Collateral, 1e-12)
			assert.InDelta(t, c.want.Due, got.Due, 1e-12)
			assert.InDelta(t, c.ratio, got.Ratio(), 1e-12)
		})
	}
	assert.InDelta(t, 2, metrics.Moves{Moved: .02, Forced: .02, Due: .01}.OverDue(), 1e-12)
	assert.True(t, math.IsInf(metrics.Moves{Moved: .1, Collateral: .1}.Ratio(), 1))
}

// TestMovesAgreeWithDiff compares with the library's own count of a table's
// slots, which is exact.
func TestMovesAgreeWithDiff(t *testing.T) {
	group, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Strategy: selector.Maglev{}})
	require.NoError(t, err)
	update := func(list []selector.Member) (*selector.Snapshot[int], metrics.Placement) {
		hops := make([]selector.Hop[int], len(list))
		for i, m := range list {
			hops[i].ID, hops[i].Weight = m.ID, m.Weight
		}
		s, err := group.Update(hops)
		require.NoError(t, err)
		return s, metrics.Slots(s.View().Selector().(selector.Tabled), list)
	}
	all := subject.Members(40, 1)
	weighted := subject.Members(40, 1)
	weighted[7].Weight, weighted[30].Weight = 3, 2
	old, before := update(all)
	for _, change := range [][]selector.Member{append(all[:5:5], all[9:]...), all, weighted, all} {
		s, after := update(change)
		want, got := s.Diff(old), metrics.Compare(before, after)
		require.True(t, want.Exact)
		require.Positive(t, want.Collateral)
		assert.InDelta(t, float64(want.Moved), got.Moved*selector.DefaultTableSize, 1e-6)
		assert.InDelta(t, float64(want.Forced), got.Forced*selector.DefaultTableSize, 1e-6)
		assert.InDelta(t, float64(want.Collateral), got.Collateral*selector.DefaultTableSize, 1e-6)
		assert.InDelta(t, want.Due, got.Due, 1e-12)
		assert.InDelta(t, want.Ratio(), got.Ratio(), 1e-12)
		old, before = s, after
	}
}
