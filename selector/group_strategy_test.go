package selector_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// A group whose strategy changed places as one that had it from the start, and
// its members keep their slots.
func TestSetStrategy(t *testing.T) {
	members := selector.Equal("a", "b", "c", "d", "e")
	for _, from := range catalog.All() {
		for _, to := range catalog.All() {
			if from.Name == to.Name {
				continue
			}
			g := newGroup(t, nil, selector.GroupConfig{Strategy: from.Strategy})
			mustUpdate(t, g, members[:4]...)
			before := mustUpdate(t, g, members...)
			s, err := g.SetStrategy(to.Strategy)
			require.NoError(t, err)
			require.Same(t, s, g.Load())
			want := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: to.Strategy}), members...)
			require.Equal(t, want.Fingerprint(), s.Fingerprint(), "%s to %s", from.Name, to.Name)
			require.Equal(t, placement(want.View()), placement(s.View()), "%s to %s", from.Name, to.Name)
			require.Equal(t, before.Version()+1, s.Version())
			require.False(t, before.Latest())
			for i := range before.All() {
				require.Equal(t, before.Slot(i), s.Slot(i))
				require.Equal(t, before.Member(i), s.Member(i))
				require.Equal(t, *before.At(i), *s.At(i))
			}
			// The next change is made by the new strategy.
			next := mustUpdate(t, g, members[1:]...)
			other := newGroup(t, nil, selector.GroupConfig{Strategy: to.Strategy})
			mustUpdate(t, other, members...)
			require.Equal(t, mustUpdate(t, other, members[1:]...).Fingerprint(), next.Fingerprint())
		}
	}
}

func TestSetStrategyBeginsAHistoryAnew(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Anchor{}})
	mustUpdate(t, g, selector.Equal("a", "b", "c")...)
	aged := mustUpdate(t, g, selector.Equal("b", "c", "d")...)
	s, err := g.SetStrategy(selector.Anchor{Capacity: 16})
	require.NoError(t, err)
	fresh := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Anchor{Capacity: 16}})
	want := mustUpdate(t, fresh, selector.Equal("b", "c", "d")...)
	assert.Equal(t, want.Fingerprint(), s.Fingerprint())
	assert.Equal(t, placement(want.View()), placement(s.View()))
	assert.NotEqual(t, placement(aged.View()), placement(s.View()), "a history that matters")
}

func TestAnEqualStrategyChangesNothing(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Anchor{}})
	mustUpdate(t, g, selector.Equal("a", "b", "c")...)
	s := mustUpdate(t, g, selector.Equal("b", "c")...)
	same, err := g.SetStrategy(selector.Anchor{})
	require.NoError(t, err)
	assert.Same(t, s, same)
	same, err = g.SetStrategyAt(100, selector.Anchor{})
	require.NoError(t, err)
	assert.Same(t, s, same)
	assert.True(t, s.Latest())

	l := lists{owners: []int32{1}} // can't be compared
	s, err = g.SetStrategy(l)
	require.NoError(t, err)
	next, err := g.SetStrategy(l)
	require.NoError(t, err)
	assert.NotSame(t, s, next)
}

// The order in which members were given is that of a strategy that asks for it,
// also when it comes later, and after others.
func TestSetStrategyKeepsTheOrderGiven(t *testing.T) {
	ids := func(s *selector.Snapshot[string]) (list []string) {
		for _, m := range s.All() {
			list = append(list, m.ID)
		}
		return list
	}
	g := newGroup(t, nil, selector.GroupConfig{})
	given := selector.Equal("d", "b", "a", "c")
	assert.Equal(t, []string{"a", "b", "c", "d"}, ids(mustUpdate(t, g, given...)))
	keep := selector.Threshold{KeepOrder: true}
	want := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: keep}), given...)
	for range 2 {
		s, err := g.SetStrategy(keep)
		require.NoError(t, err)
		assert.Equal(t, []string{"d", "b", "a", "c"}, ids(s))
		assert.Equal(t, want.Fingerprint(), s.Fingerprint())
		for i, m := range s.All() {
			assert.Equal(t, "to "+m.ID, *s.At(i))
			at, ok := s.Index(m.ID)
			assert.True(t, ok)
			assert.Equal(t, i, at)
		}
		for _, strategy := range []selector.Strategy{selector.Modulo{}, selector.Maglev{Size: 1021}} {
			s, err = g.SetStrategy(strategy)
			require.NoError(t, err)
			assert.Equal(t, []string{"a", "b", "c", "d"}, ids(s))
		}
	}
}

func TestSetStrategyErrors(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Name: "vip", Strategy: selector.Rendezvous{}})
	s := mustUpdate(t, g, selector.Equal("a", "b")...)
	refused := func(want error, strategy selector.Strategy) {
		t.Helper()
		_, err := g.SetStrategy(strategy)
		var e *selector.GroupError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, want)
		assert.Equal(t, "vip", e.Group)
		assert.Same(t, s, g.Load())
		_, err = g.Plan(strategy, nil)
		if strategy != nil {
			require.ErrorIs(t, err, want)
		}
	}
	refused(selector.ErrNoStrategy, nil)
	refused(selector.ErrNoStrategy, (*selector.Maglev)(nil))
	refused(selector.ErrTableSize, selector.Maglev{Size: 4})
	_, err := g.SetStrategyAt(1, selector.Modulo{})
	require.ErrorIs(t, err, selector.ErrVersion)
	at, err := g.SetStrategyAt(7, selector.Modulo{})
	require.NoError(t, err)
	assert.EqualValues(t, 7, at.Version())
	_, err = g.SetStrategyAt(math.MaxUint64, selector.Rendezvous{})
	require.NoError(t, err)
	_, err = g.SetStrategy(selector.Modulo{})
	require.ErrorIs(t, err, selector.ErrVersion)

	g = newGroup(t, nil, selector.GroupConfig{Name: "vip", Strategy: selector.Rendezvous{}})
	mustUpdate(t, g, selector.Equal("a", "b")...)
	s, err = g.Announce(selector.Equal("c")...)
	require.NoError(t, err)
	refused(selector.ErrAnnounced, selector.Modulo{})
	same, err := g.SetStrategy(selector.Rendezvous{})
	require.NoError(t, err)
	assert.Same(t, s, same)
	_, err = g.Announce()
	require.NoError(t, err)
	_, err = g.SetStrategy(selector.Modulo{})
	require.NoError(t, err)
}

// A default that is written out is the same strategy.
func TestDefaultsWrittenOutChangeNothing(t *testing.T) {
	for _, c := range [][2]selector.Strategy{
		{selector.Resilient{}, selector.Resilient{Buckets: selector.DefaultBuckets}},
		{selector.Bounded{}, selector.Bounded{Slots: 1 << 16}},
		{selector.Maglev{}, selector.Maglev{Size: 65537}},
	} {
		g := newGroup(t, nil, selector.GroupConfig{Strategy: c[0]})
		mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...)
		before := mustUpdate(t, g, selector.Equal("a", "c", "d", "e")...)
		after, err := g.SetStrategy(c[1])
		require.NoError(t, err)
		assert.Same(t, before, after, "%v and %v", c[0], c[1])
	}
}
