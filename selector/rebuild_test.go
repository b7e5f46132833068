package selector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

// previousOf returns what Rebuild is told of a change.
func previousOf(before, after []selector.Member) []int32 {
	prev := make([]int32, len(after))
	for i, m := range after {
		prev[i] = int32(slices.IndexFunc(before, func(b selector.Member) bool { return b.ID == m.ID }))
	}
	return prev
}

func rebuild(t *testing.T, s selector.Selector, before, after []selector.Member) selector.Selector {
	t.Helper()
	next, err := s.(selector.Rebuilder).Rebuild(after, previousOf(before, after))
	require.NoError(t, err)
	return next
}

func positiveIDs(group []selector.Member) []string {
	var ids []string
	for _, m := range group {
		if m.Weight > 0 {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// churn returns a list that follows group: some members leave, are drained or
// come back, some join, and the order is new.
func churn(r *rand.Rand, group []selector.Member, most int) []selector.Member {
	next := slices.Clone(group)
	for range 1 + r.IntN(3) {
		switch r.IntN(5) {
		case 0, 1:
			if i := r.IntN(len(next)); len(positiveIDs(next)) > 1 {
				next = slices.Delete(next, i, i+1)
			}
		case 2:
			next[r.IntN(len(next))].Weight ^= 4
		default:
			next = append(next, selector.Member{ID: fmt.Sprintf("%08x", r.Uint32()), Weight: 4})
		}
	}
	if r.IntN(20) == 0 { // all but one are replaced, or all
		next = slices.Delete(next, 0, len(next)-r.IntN(2))
		for k := range 3 {
			next = append(next, selector.Member{ID: fmt.Sprintf("%08x-%d", r.Uint32(), k)})
		}
		for i := range next {
			next[i].Weight = 4
		}
	}
	r.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
	if n := len(positiveIDs(next)); n == 0 || n > most {
		return churn(r, group, most)
	}
	return next
}

// equalsHistory replays a history of changes in the model, removals first, each
// in order of ID.
func equalsHistory(t *testing.T, r *rand.Rand, s selector.Strategy, model *place.Buckets, n, capacity int) {
	t.Helper()
	group := selector.Equal(names(r, n)...)
	for i := range group {
		group[i].Weight = 4
	}
	built := build(t, s, group)
	for _, id := range positiveIDs(group) {
		model.Add(id)
	}
	for range 40 {
		for _, h := range probes(r, 30) {
			require.Equal(t, model.Select(h), group[built.Select(h)].ID, "%T of %v", s, group)
		}
		next := churn(r, group, capacity)
		built = rebuild(t, built, group, next)
		was, is := positiveIDs(group), positiveIDs(next)
		for _, id := range was {
			if !slices.Contains(is, id) {
				model.Remove(id)
			}
		}
		for _, id := range is {
			if !slices.Contains(was, id) {
				model.Add(id)
			}
		}
		group = next
	}
}

func TestAnchorAndMementoMoveTheMinimum(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	list := probes(r, 2000)
	for _, s := range []selector.Strategy{selector.Anchor{Capacity: 60}, selector.Memento{}} {
		group := selector.Equal(names(r, 20)...)
		built := build(t, s, group)
		for range 60 {
			next := churn(r, group, 60)
			for i := range next {
				next[i].Weight = min(next[i].Weight, 1)
			}
			after := rebuild(t, built, group, next)
			was, is := positiveIDs(group), positiveIDs(next)
			for _, h := range list {
				from, to := group[built.Select(h)].ID, next[after.Select(h)].ID
				if from != to && slices.Contains(is, from) && slices.Contains(was, to) {
					require.Fail(t, "moved without need", "%T: %#x from %s to %s", s, h, from, to)
				}
			}
			group, built = next, after
		}
	}
}

// TestAnchorAndMementoHeirs: the second choice of a hash is the first one after
// its member left.
func TestAnchorAndMementoHeirs(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	for _, s := range []selector.Strategy{selector.Anchor{Capacity: 40}, selector.Memento{}} {
		group := selector.Equal(names(r, 12)...)
		built := build(t, s, group)
		for range 30 {
			next := churn(r, group, 40)
			for i := range next {
				next[i].Weight = min(next[i].Weight, 1)
			}
			group, built = next, rebuild(t, built, group, next)
			if len(positiveIDs(group)) < 2 {
				continue
			}
			for i, m := range group {
				if m.Weight == 0 {
					continue
				}
				without := slices.Delete(slices.Clone(group), i, i+1)
				left := rebuild(t, built, group, without)
				for _, h := range probes(r, 60) {
					if built.Select(h) == int32(i) {
						heir := built.(selector.Ranker).Next(h, int32(i))
						require.Equal(t, without[left.Select(h)].ID, group[heir].ID, "%T of %v, %#x", s, group, h)
					}
				}
			}
			for _, h := range probes(r, 5) {
				require.ElementsMatch(t, positiveIDs(group), idsOf(group, order(built, h)))
			}
		}
	}
}

func idsOf(group []selector.Member, indexes []int) []string {
	ids := make([]string, len(indexes))
	for k, i := range indexes {
		ids[k] = group[i].ID
	}
	return ids
}

func TestRebuildRefuses(t *testing.T) {
	group := append(selector.Equal("b", "a", "c"), selector.Member{ID: "drained"})
	unequal := slices.Clone(group)
	unequal[2].Weight = 7
	for _, s := range []selector.Strategy{selector.Anchor{}, selector.Memento{}} {
		_, err := s.Build(unequal)
		require.EqualError(t, err,
			`selector: unequal weights, which the strategy does not serve: member 2 "c": 7 (limit 1)`)
		require.ErrorIs(t, err, selector.ErrUnequal)
		built := build(t, s, group).(selector.Rebuilder)
		_, err = built.Rebuild(unequal, []int32{0, 1, 2, 3})
		require.ErrorIs(t, err, selector.ErrUnequal)
		testPrevious(t, built, group)
	}
}

// testPrevious tells Rebuild what can't be.
func testPrevious(t *testing.T, built selector.Rebuilder, group []selector.Member) {
	t.Helper()
	for _, c := range []struct {
		prev  []int32
		index int
	}{
		{nil, -1}, {[]int32{0, 1, 2}, -1}, {[]int32{0, 1, 2, 3, 4}, -1},
		{[]int32{0, 1, 2, 4}, 3}, {[]int32{-2, 0, 1, 2}, 0}, {[]int32{0, 1, 1, 2}, 2},
		{[]int32{0, math.MaxInt32, 1, 2}, 1},
	} {
		next, err := built.Rebuild(group, c.prev)
		assert.Nil(t, next)
		var e *selector.GroupError
		require.ErrorAs(t, err, &e, "%v", c.prev)
		require.ErrorIs(t, err, selector.ErrPrevious)
		assert.Equal(t, c.index, e.Index)
	}
	_, err := built.Rebuild(group, []int32{-1, -1, -1, -1})
	require.NoError(t, err, "all are new")
}

// A bucket passes its hashes on evenly, whichever it is. The first one's
// multiplier was 1 once, which is no hash at all.
func TestAnchorAndMementoStayBalanced(t *testing.T) {
	const hashes = 100_000
	for _, strategy := range []selector.Strategy{selector.Anchor{}, selector.Memento{}} {
		all := selector.Equal("a", "b", "c", "d")
		s, err := selector.New(strategy, all)
		require.NoError(t, err)
		for gone := range all {
			rest := slices.Delete(slices.Clone(all), gone, gone+1)
			after := rebuild(t, s, all, rest)
			r := rand.New(rand.NewPCG(1, uint64(gone)))
			load := make([]float64, len(rest))
			for range hashes {
				load[after.Select(r.Uint64())]++
			}
			for i := range rest {
				assert.InEpsilon(t, hashes/len(rest), load[i], .02, "%T without %s", strategy, all[gone].ID)
			}
		}
	}
}
