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
	return d
}

func TestDiffOfTablesIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	g := newGroup(t, selector.Config{})
	random := func() *selector.Snapshot[string] {
		members := []selector.Member{{ID: "always", Weight: 1}}
		for id := 'a'; id <= 'h'; id++ {
			if rng.IntN(3) > 0 {
				members = append(members, selector.Member{ID: string(id), Weight: rng.Uint32N(4)})
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
	g := newGroup(t, selector.Config{Strategy: selector.Rendezvous{}})
	old := mustUpdate(t, g, selector.Equal("a", "b", "c")...)
	s := mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...)
	d := s.Diff(old)
	assert.Equal(t, 65536, d.Hashes)
	assert.False(t, d.Exact)
	assert.InDelta(t, 65536/4, d.Moved, 600)
	assert.Equal(t, d.Moved, d.Forced)
	assert.Zero(t, s.Diff(s).Moved)

	small := mustUpdate(t, newGroup(t, selector.Config{Strategy: selector.Maglev{Size: 101}}), selector.Equal("a", "b")...)
	large := mustUpdate(t, newGroup(t, selector.Config{Strategy: selector.Maglev{Size: 1021}}), selector.Equal("a", "b")...)
	assert.False(t, large.Diff(small).Exact, "tables of different sizes")
	assert.False(t, small.Diff(large).Exact)
}

func TestDiffWithAGroupThatTakesNothing(t *testing.T) {
	g := newGroup(t, selector.Config{})
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
