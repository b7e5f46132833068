package selector_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// slowDiff counts table slots as the words of Diff say.
func slowDiff(old, v *selector.View) selector.Diff {
	find := func(v *selector.View, id string) (selector.Member, bool) {
		for _, m := range v.All() {
			if m.ID == id {
				return m, true
			}
		}
		return selector.Member{}, false
	}
	from, to := old.Selector().(selector.Tabled), v.Selector().(selector.Tabled)
	d := selector.Diff{Hashes: to.Slots(), Exact: true}
	for slot := range to.Slots() {
		a, b := old.Member(from.Owner(slot)), v.Member(to.Owner(slot))
		if a.ID == b.ID {
			continue
		}
		d.Moved++
		aNow, aStays := find(v, a.ID)
		bThen, bWasThere := find(old, b.ID)
		if !aStays || aNow.Weight < a.Weight || !bWasThere || bThen.Weight < b.Weight {
			d.Forced++
		} else {
			d.Collateral++
		}
	}
	if due, ok := slowDue(old, v); ok {
		d.Forced = min(d.Moved, int(math.Round(due*float64(d.Hashes))))
		d.Collateral = d.Moved - d.Forced
	}
	return d
}

// slowDue returns what members lost of their due shares, if nothing happened
// but that positive weights changed.
func slowDue(old, v *selector.View) (lost float64, ok bool) {
	shares := func(v *selector.View) map[string]float64 {
		sum, shares := 0.0, make(map[string]float64)
		for _, m := range v.All() {
			sum += float64(m.Weight)
		}
		for _, m := range v.All() {
			if m.Weight > 0 {
				shares[m.ID] = float64(m.Weight) / sum
			}
		}
		return shares
	}
	before, after := shares(old), shares(v)
	if old.Len() != v.Len() || len(before) != len(after) {
		return 0, false
	}
	for id, share := range before {
		now, stays := after[id]
		if !stays {
			return 0, false
		}
		lost += max(0, share-now)
	}
	return lost, true
}

func TestDiffOfWeights(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Modulo{}})
	weights := func(w ...uint32) []selector.Member {
		members := selector.Equal("a", "b", "c", "d")
		for i := range members {
			members[i].Weight = w[i]
		}
		return members
	}
	old := mustUpdate(t, g, weights(1, 1, 1, 1)...)
	s := mustUpdate(t, g, weights(100, 101, 101, 101)...)
	d := s.Diff(old)
	assert.Equal(t, int(math.Round((0.25-100.0/403)*65536)), d.Forced, "all weights grew, and shares hardly changed")
	assert.Greater(t, d.Collateral, 40_000)

	rendezvous := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Rendezvous{}})
	old = mustUpdate(t, rendezvous, weights(1, 1, 1, 1)...)
	d = mustUpdate(t, rendezvous, weights(1, 2, 1, 1)...).Diff(old)
	assert.InDelta(t, 0.15*65536, d.Moved, 400)
	assert.LessOrEqual(t, d.Ratio(), 1.03)
}

func TestDiffOfTablesIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	g := newGroup(t, nil, selector.GroupConfig{})
	random := func() *selector.Snapshot[string] {
		members := []selector.Member{{ID: "always", Weight: 1}}
		joins := rng.IntN(3)
		for id := 'a'; id <= 'h'; id++ {
			if joins == 0 || rng.IntN(3) > 0 {
				members = append(members, selector.Member{ID: string(id), Weight: rng.Uint32N(4) + uint32(rng.IntN(2))})
			}
		}
		return mustUpdate(t, g, members...)
	}
	old := random()
	for range 100 {
		s := random()
		d := s.Diff(old)
		require.Equal(t, slowDiff(old.View(), s.View()), d)
		require.Equal(t, d.Moved, d.Forced+d.Collateral)
		old = s
	}
}

func TestDiffByProbes(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Rendezvous{}})
	old := mustUpdate(t, g, selector.Equal("a", "b", "c")...)
	s := mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...)
	d := s.Diff(old)
	assert.Equal(t, 65536, d.Hashes)
	assert.False(t, d.Exact)
	assert.InDelta(t, 65536/4, d.Moved, 600)
	assert.Equal(t, d.Moved, d.Forced)
	assert.Zero(t, s.Diff(s).Moved)

	small := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{Size: 101}}),
		selector.Equal("a", "b")...)
	large := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{Size: 1021}}),
		selector.Equal("a", "b")...)
	assert.False(t, large.Diff(small).Exact, "tables of different sizes")
	assert.False(t, small.Diff(large).Exact)
}

func TestDiffWithAGroupThatTakesNothing(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	empty := g.Load()
	full := mustUpdate(t, g, selector.Equal("a", "b")...)
	for _, d := range []selector.Diff{full.Diff(empty), empty.Diff(full)} {
		assert.Equal(t, d.Hashes, d.Forced)
		assert.Equal(t, d.Moved, d.Forced)
	}
	assert.Zero(t, empty.Diff(empty).Moved)
}

func TestDisruptionRatio(t *testing.T) {
	for want, d := range map[float64]selector.Diff{
		1:           {},
		1.25:        {Moved: 5, Forced: 4, Collateral: 1},
		math.Inf(1): {Moved: 1, Collateral: 1},
	} {
		assert.InDelta(t, want, d.Ratio(), 1e-9, "%+v", d)
	}
	assert.InDelta(t, 1.0, selector.Diff{Moved: 3, Forced: 3}.Ratio(), 1e-9)
}
