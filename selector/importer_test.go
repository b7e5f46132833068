package selector_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// The tests of this file hold what importers ran into when they wrote programs
// from the documentation alone. Each is named after what they were told.

func TestImporterForgetsTheDomain(t *testing.T) {
	_, err := selector.NewGroup[string](nil, selector.GroupConfig{Name: "vip", Strategy: selector.Modulo{}})
	require.ErrorIs(t, err, selector.ErrNoDomain)
}

func TestImporterPlansBeforeChanging(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: selector.Anchor{}})
	mustUpdate(t, g, selector.Equal("a", "b", "c")...)
	now := mustUpdate(t, g, selector.Equal("b", "c", "d")...)
	planned, err := g.Plan(nil, hops(selector.Equal("b", "c", "d", "e")...))
	require.NoError(t, err)
	assert.Same(t, now, g.Load())
	d := planned.Diff(now)
	assert.Positive(t, d.Forced)
	assert.Zero(t, d.Collateral)
}

func TestImporterAsksASnapshot(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Name: "vip"})
	s, err := g.Update([]selector.Hop[string]{{ID: "a", Weight: 1, Value: "to a"}, {ID: "b", Weight: 1, Value: "to b"}})
	require.NoError(t, err)
	i := s.Select(1 << 40)
	assert.Equal(t, "to "+s.Member(i).ID, *s.At(i))
	assert.Equal(t, 2, s.Len())
	assert.EqualValues(t, 1, s.Version())
	assert.Equal(t, "vip", s.Name())
	at, ok := s.Index("b")
	assert.True(t, ok)
	assert.Equal(t, s.Slot(at), s.SlotOf("b", 0))
	for i, m := range s.All() {
		assert.Equal(t, m, s.View().Member(i))
	}
}

func TestImporterDropsGroups(t *testing.T) {
	d := selector.NewDomain()
	for range 1000 {
		g := newGroup(t, d, selector.GroupConfig{Name: "vip"})
		mustUpdate(t, g, selector.Equal("a", "b")...)
		g.Close()
	}
	assert.Zero(t, d.SlotStats().InUse)
}

// faulty is a strategy from elsewhere whose selectors do not serve.
type faulty struct{ selector selector.Selector }

func (f faulty) Build([]selector.Member) (selector.Selector, error) { return f.selector, nil }

// odd is a selector that gives an index for some hashes.
type odd int32

func (o odd) Select(h uint64) int32 {
	if h%100 == 0 {
		return int32(o)
	}
	return 0
}

func TestImporterBringsAFaultyStrategy(t *testing.T) {
	members := append(selector.Equal("a", "b"), selector.Member{ID: "drained"})
	for name, c := range map[string]struct {
		strategy selector.Strategy
		message  string
	}{
		"no selector": {faulty{}, `there is none`},
		"out of range": {faulty{odd(7)},
			`it gives member 7 of 3`},
		"negative": {faulty{odd(-1)},
			`it gives member -1 of 3`},
		"drained": {faulty{odd(2)},
			`it gives a drained member: member 2 "drained"`},
		"no second choice": {faulty{oddNext{odd(0)}},
			`it gives member 31 of 3`},
	} {
		g := newGroup(t, nil, selector.GroupConfig{Name: "vip", Strategy: c.strategy})
		_, err := g.Update(hops(members...))
		require.ErrorIs(t, err, selector.ErrSelector, name)
		require.EqualError(t, err, `selector: group "vip": the strategy built a selector that does not serve: `+
			c.message)
		assert.Zero(t, g.Load().Len())
		other := newGroup(t, nil, selector.GroupConfig{})
		before := mustUpdate(t, other, members...)
		_, err = other.SetStrategy(c.strategy)
		require.ErrorIs(t, err, selector.ErrSelector, name)
		assert.Same(t, before, other.Load())
	}
	// one that was built in order, and whose successor is not
	g := newGroup(t, nil, selector.GroupConfig{Strategy: faultyLater{}})
	s := mustUpdate(t, g, members...)
	_, err := g.Update(hops(selector.Equal("a")...))
	require.ErrorIs(t, err, selector.ErrSelector)
	assert.Same(t, s, g.Load())
}

type faultyLater struct{}

func (faultyLater) Build([]selector.Member) (selector.Selector, error) { return faultyLater{}, nil }
func (faultyLater) Select(uint64) int32                                { return 0 }
func (faultyLater) Rebuild([]selector.Member, []int32) (selector.Selector, error) {
	return odd(7), nil
}

// What a strategy refuses whatever the members are, NewGroup refuses, and every
// error names the group.
func TestImporterIsToldEarlyAndByName(t *testing.T) {
	for _, s := range []selector.Strategy{
		selector.Maglev{Size: 4}, &selector.Maglev{Size: 1 << 30}, selector.Bounded{Slots: 100},
		selector.Bounded{Slots: 32},
		selector.Ring{Points: 1 << 20}, selector.MultiProbe{Probes: 1 << 20}, selector.Anchor{Capacity: 1 << 17},
		selector.Resilient{Buckets: 1 << 30}, (*selector.Maglev)(nil), (*selector.Modulo)(nil), nil,
	} {
		_, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{Name: "vip", Strategy: s})
		var e *selector.GroupError
		require.ErrorAs(t, err, &e, "%T", s)
		assert.Equal(t, "vip", e.Group)
		_, err = selector.New(s, selector.Equal("a"))
		require.ErrorAs(t, err, &e, "%T", s)
	}
	g := newGroup(t, nil, selector.GroupConfig{Name: "vip"})
	_, err := g.Update(hops(selector.Equal("a", "b", "a")...))
	require.EqualError(t, err, `selector: group "vip": duplicate member ID: member 2 "a"`)

	own := errors.New("too rainy")
	g = newGroup(t, nil, selector.GroupConfig{Name: "vip", Strategy: refusing{own}})
	_, err = g.Update(hops(selector.Equal("a")...))
	require.EqualError(t, err, `selector: group "vip": too rainy`)
	require.ErrorIs(t, err, own)
}

type refusing struct{ err error }

func (r refusing) Build([]selector.Member) (selector.Selector, error) { return nil, r.err }

func TestImporterChangesTheListAfterUpdate(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	list := hops(selector.Equal("a", "b")...)
	s, err := g.Update(list)
	require.NoError(t, err)
	list[0] = selector.Hop[string]{ID: "z", Value: "elsewhere"}
	assert.Equal(t, "to a", *s.At(0))
	assert.Equal(t, selector.Member{ID: "a", Weight: 1}, s.Member(0))
}

// An error has the index of the list as it was given.
func TestImporterIsToldWhichOfTheList(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{Name: "vip", Strategy: selector.Anchor{}})
	_, err := g.Update(hops(selector.Member{ID: "b", Weight: 1}, selector.Member{ID: "c", Weight: 2},
		selector.Member{ID: "a", Weight: 1}))
	e, ok := errors.AsType[*selector.GroupError](err)
	require.True(t, ok)
	assert.Equal(t, "c", e.Member)
	assert.Equal(t, 1, e.Index)
}

// oddNext has a second choice that is none.
type oddNext struct{ odd }

func (oddNext) Next(uint64, int32) int32 { return 31 }
