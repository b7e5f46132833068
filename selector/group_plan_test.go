package selector_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// What was planned is what the update publishes, whatever the history, and the
// plan itself changes nothing.
func TestPlanIsWhatUpdatePublishes(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	for _, row := range catalog.All() {
		d := selector.NewDomain()
		g := newGroup(t, d, selector.GroupConfig{Strategy: row.Strategy})
		for range 12 {
			next := row.Level(randomMembers(rng, "m", 1+rng.IntN(6), 3))
			before, slots := g.Load(), d.SlotStats()
			planned, err := g.Plan(nil, hops(next...))
			require.NoError(t, err)
			require.Same(t, before, g.Load())
			require.True(t, before.Latest())
			require.False(t, planned.Latest())
			require.Equal(t, slots, d.SlotStats())
			for i, m := range planned.All() {
				require.Equal(t, before.SlotOf(m.ID, 0), planned.Slot(i))
				require.Equal(t, "to "+m.ID, *planned.At(i))
			}
			if rng.IntN(2) == 0 { // another plan in between must not be taken for it
				_, err = g.Plan(nil, hops(selector.Equal("x", "y")...))
				require.NoError(t, err)
			}
			s := mustUpdate(t, g, next...)
			require.Equal(t, planned.Version(), s.Version())
			require.Equal(t, planned.Fingerprint(), s.Fingerprint(), row.Name)
			require.Equal(t, placement(planned.View()), placement(s.View()), row.Name)
		}
	}
}

func TestPlanOfAnotherStrategy(t *testing.T) {
	members := selector.Equal("a", "b", "c")
	for _, row := range catalog.All() {
		g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Memento{}})
		mustUpdate(t, g, members[1:]...)
		before := mustUpdate(t, g, members...)
		planned, err := g.Plan(row.Strategy, hops(members...))
		require.NoError(t, err)
		require.Same(t, before, g.Load())
		s, err := g.SetStrategy(row.Strategy)
		require.NoError(t, err)
		require.Equal(t, planned.Fingerprint(), s.Fingerprint(), row.Name)
		require.Equal(t, placement(planned.View()), placement(s.View()), row.Name)
	}
}

// A Rebuilder's plan is of the history that there was when it was made.
func TestAPlanIsForgottenWithTheNextChange(t *testing.T) {
	history := func(plan bool) *selector.Snapshot[string] {
		g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Memento{}})
		mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...)
		if plan {
			_, err := g.Plan(nil, hops(selector.Equal("b", "c", "e")...))
			require.NoError(t, err)
		}
		mustUpdate(t, g, selector.Equal("b", "d")...)
		return mustUpdate(t, g, selector.Equal("b", "c", "e")...)
	}
	want, got := history(false), history(true)
	assert.Equal(t, want.Fingerprint(), got.Fingerprint())
	assert.Equal(t, placement(want.View()), placement(got.View()))
}

// Who plans all groups of a reload and then makes the change builds each
// selector once.
func TestAPlannedSelectorIsBuiltOnce(t *testing.T) {
	var built atomic.Int64
	d := selector.NewDomain()
	var groups []*selector.Group[string]
	const n = 20
	for i := range n {
		g := newGroup(t, d, selector.GroupConfig{Strategy: counted{which: i, built: &built}})
		mustUpdate(t, g, selector.Equal("a", "b")...)
		groups = append(groups, g)
	}
	built.Store(0)
	next := hops(selector.Equal("a", "b", "c")...)
	for _, g := range groups {
		_, err := g.Plan(nil, next)
		require.NoError(t, err)
	}
	for _, g := range groups {
		_, err := g.Update(next)
		require.NoError(t, err)
	}
	assert.EqualValues(t, n, built.Load())
	for i, g := range groups {
		strategy := counted{which: n + i, built: &built}
		_, err := g.Plan(strategy, next)
		require.NoError(t, err)
		_, err = g.SetStrategy(strategy)
		require.NoError(t, err)
	}
	assert.EqualValues(t, 2*n, built.Load())
}

func TestPlanErrors(t *testing.T) {
	d := selector.NewDomain()
	mustUpdate(t, newGroup(t, d, selector.GroupConfig{Name: "vip"}), selector.Equal("a")...)
	g := newGroup(t, d, selector.GroupConfig{Name: "vip"})
	for want, list := range map[error][]selector.Member{
		selector.ErrGroupName: selector.Equal("a"),
		selector.ErrDuplicate: selector.Equal("a", "a"),
	} {
		_, err := g.Plan(nil, hops(list...))
		var e *selector.GroupError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, want)
		assert.Equal(t, "vip", e.Group)
	}
	planned, err := g.Plan(nil, nil)
	require.NoError(t, err)
	assert.EqualValues(t, -1, planned.Select(7))
}

// A plan is not taken for that of another strategy.
func TestPlanOfAnotherStrategyIsNotPublished(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{}})
	list := hops(selector.Equal("a", "b")...)
	_, err := g.Plan(selector.Modulo{}, list)
	require.NoError(t, err)
	s, err := g.Update(list)
	require.NoError(t, err)
	assert.Implements(t, (*selector.Tabled)(nil), s.Selector())
}
