package selector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

var groups atomic.Int64

// newGroup names the group if the configuration does not. It has a domain of
// its own if d is nil.
func newGroup(t testing.TB, d *selector.Domain, c selector.GroupConfig) *selector.Group[string] {
	t.Helper()
	if c.Name == "" {
		c.Name = fmt.Sprint("group ", groups.Add(1))
	}
	if c.Strategy == nil {
		c.Strategy = selector.Maglev{Size: 1021}
	}
	if d == nil {
		d = selector.NewDomain()
	}
	g, err := selector.NewGroup[string](d, c)
	require.NoError(t, err)
	return g
}

func hops(members ...selector.Member) []selector.Hop[string] {
	h := make([]selector.Hop[string], len(members))
	for i, m := range members {
		h[i] = selector.Hop[string]{ID: m.ID, Weight: m.Weight, Value: "to " + m.ID}
	}
	return h
}

func mustUpdate(t testing.TB, g *selector.Group[string], members ...selector.Member) *selector.Snapshot[string] {
	t.Helper()
	s, err := g.Update(hops(members...))
	require.NoError(t, err)
	require.Same(t, s, g.Load())
	return s
}

// placement returns the ID of the member of each of some hashes.
func placement(v *selector.View) []string {
	ids := make([]string, 2000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range ids {
		if m := v.Select(rng.Uint64()); m >= 0 {
			ids[i] = v.Member(m).ID
		}
	}
	return ids
}

func TestGroupWithoutMembers(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	for _, s := range []*selector.Snapshot[string]{g.Load(), mustUpdate(t, g),
		mustUpdate(t, g, selector.Member{ID: "drained"})} {
		assert.EqualValues(t, -1, s.Select(7))
		dst := []int32{9, 9}
		s.SelectBatch(dst, []uint64{1, 2})
		assert.Equal(t, []int32{-1, -1}, dst)
		assert.Nil(t, s.View().Selector())
	}
	assert.Equal(t, uint64(2), g.Load().View().Version())
	assert.True(t, g.Load().View().Drained(0))
}

func TestGroupSortsHopsWithTheirPayloads(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	members := selector.Equal("a", "b", "c", "d", "e")
	want := mustUpdate(t, g, members...)
	for range 20 {
		rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		s := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{}), members...)
		require.Equal(t, want.View().Fingerprint(), s.View().Fingerprint())
		require.Equal(t, placement(want.View()), placement(s.View()))
		for i, m := range s.View().All() {
			require.Equal(t, "to "+m.ID, *s.At(i))
		}
	}
	assert.Equal(t, 5, want.View().Len())
}

func TestGroupKeepsTheOrderThatADeviceDependsOn(t *testing.T) {
	c := selector.GroupConfig{Strategy: selector.Threshold{KeepOrder: true}}
	ab := mustUpdate(t, newGroup(t, nil, c), selector.Equal("a", "b")...)
	ba := mustUpdate(t, newGroup(t, nil, c), selector.Equal("b", "a")...)
	assert.Equal(t, "a", ab.View().Member(ab.Select(0)).ID)
	assert.Equal(t, "b", ba.View().Member(ba.Select(0)).ID)
	assert.NotEqual(t, ab.View().Fingerprint(), ba.View().Fingerprint())
}

func TestSnapshotsNeverChange(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	given := hops(selector.Equal("b", "a")...)
	s, err := g.Update(given)
	require.NoError(t, err)
	before, v := placement(s.View()), s.View()
	assert.True(t, v.Latest())
	assert.Equal(t, hops(selector.Equal("b", "a")...), given, "the caller's list is the caller's")
	given[0].ID, given[0].Value = "z", "changed"
	mustUpdate(t, g, selector.Equal("c", "d", "e")...)
	assert.False(t, v.Latest())
	assert.Equal(t, before, placement(v))
	assert.Equal(t, "to a", *s.At(0))
	assert.Equal(t, "to b", *s.At(1))
}

func TestInvalidUpdatesAreTypedAndChangeNothing(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	s := mustUpdate(t, g, selector.Equal("a", "b")...)
	many := make([]selector.Member, selector.MaxMembers+1)
	for i := range many {
		many[i] = selector.Member{ID: fmt.Sprint(i), Weight: 1}
	}
	for name, tt := range map[string]struct {
		members []selector.Member
		want    selector.GroupError
	}{
		"duplicate": {selector.Equal("x", "y", "a", "y"),
			selector.GroupError{Err: selector.ErrDuplicate, Member: "y", Index: 3}},
		"empty ID": {selector.Equal("x", ""), selector.GroupError{Err: selector.ErrEmptyID, Index: 1}},
		"too many": {many, selector.GroupError{Err: selector.ErrTooMany, Index: -1, Value: 65536,
			Limit: selector.MaxMembers}},
		"weight sum": {[]selector.Member{{ID: "x", Weight: math.MaxUint32}},
			selector.GroupError{Err: selector.ErrWeightSum, Member: "x", Value: math.MaxUint32,
				Limit: selector.MaxWeight}},
		"more members than slots": {many[:1022], selector.GroupError{Err: selector.ErrTableSize, Index: -1,
			Value: 1021, Limit: 1022}},
	} {
		_, err := g.Update(hops(tt.members...))
		var e *selector.GroupError
		require.ErrorAs(t, err, &e, name)
		require.ErrorIs(t, err, tt.want.Err, name)
		tt.want.Err, tt.want.Group = e.Err, s.Name()
		assert.Equal(t, tt.want, *e, name)
		assert.Same(t, s, g.Load(), name)
		assert.Equal(t, 2, 1<<16-1-newSlotsFree(g), name)
	}
	_, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{})
	require.ErrorIs(t, err, selector.ErrNoStrategy)
	_, err = selector.NewGroup[string](nil, selector.GroupConfig{Name: "vip", Strategy: selector.Modulo{}})
	require.Equal(t, &selector.GroupError{Err: selector.ErrNoDomain, Group: "vip", Index: -1}, err)
	_, err = selector.New(nil, selector.Equal("a"))
	require.ErrorIs(t, err, selector.ErrNoStrategy)
}

func TestTwoGroupsWithMembersCannotHaveOneName(t *testing.T) {
	d := selector.NewDomain()
	one, two := newGroup(t, d, selector.GroupConfig{Name: "vip"}),
		newGroup(t, d, selector.GroupConfig{Name: "vip"})
	mustUpdate(t, one, selector.Equal("a")...)
	for range 2 {
		_, err := two.Update(hops(selector.Equal("a")...))
		var e *selector.GroupError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, selector.ErrGroupName)
		assert.Equal(t, "vip", e.Group)
		assert.Contains(t, err.Error(), `"vip"`)
		assert.Zero(t, two.Load().View().Len())
	}
	mustUpdate(t, two)
	mustUpdate(t, one, selector.Equal("a", "b")...)
	mustUpdate(t, one)
	mustUpdate(t, two, selector.Equal("a")...)
	_, err := one.Update(hops(selector.Equal("a")...))
	require.ErrorIs(t, err, selector.ErrGroupName)
}

// newSlotsFree returns how many slots of the group's domain are free.
func newSlotsFree(g *selector.Group[string]) int { return g.Domain().SlotStats().Free }

func TestVersionsGrow(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	at := func(version uint64) error {
		_, err := g.UpdateAt(version, hops(selector.Equal("a")...))
		return err
	}
	require.NoError(t, at(10))
	for _, v := range []uint64{0, 9, 10} {
		require.ErrorIs(t, at(v), selector.ErrVersion)
	}
	assert.EqualValues(t, 11, mustUpdate(t, g, selector.Equal("a")...).View().Version())
	require.NoError(t, at(math.MaxUint64))
	_, err := g.Update(nil)
	require.ErrorIs(t, err, selector.ErrVersion)
	_, err = newGroup(t, nil, selector.GroupConfig{Name: "vip"}).UpdateAt(0, nil)
	require.EqualError(t, err, "selector: group \"vip\": version does not grow: 0 after 0")
}

// constant is a strategy from elsewhere that gives everything to one member.
type constant int32

func (c constant) Build([]selector.Member) (selector.Selector, error) { return c, nil }
func (c constant) Select(uint64) int32                                { return int32(c) }

// heirs is a Rebuilder from elsewhere: the last member to join gets everything,
// so that history matters.
type heirs struct{}

type heirSelector struct {
	index int32
	built int // how often
}

func (heirs) Build(members []selector.Member) (selector.Selector, error) {
	return &heirSelector{index: 0, built: 1}, nil
}
func (s *heirSelector) Select(uint64) int32 { return s.index }
func (s *heirSelector) Rebuild(members []selector.Member, prev []int32) (selector.Selector, error) {
	next := &heirSelector{index: max(0, int32(slices.Index(prev, s.index))), built: s.built + 1}
	if joined := slices.Index(prev, -1); joined >= 0 {
		next.index = int32(joined)
	}
	return next, nil
}

func TestRebuilderFollowsTheHistory(t *testing.T) {
	d := selector.NewDomain()
	c := selector.GroupConfig{Strategy: heirs{}}
	g, h := newGroup(t, d, c), newGroup(t, d, c)
	mustUpdate(t, g, selector.Equal("b")...)
	s := mustUpdate(t, g, selector.Equal("a", "b")...)
	assert.Equal(t, "a", s.View().Member(s.Select(0)).ID)
	s = mustUpdate(t, g, selector.Equal("a", "b", "c")...)
	assert.Equal(t, "c", s.View().Member(s.Select(0)).ID)

	mustUpdate(t, h, selector.Equal("a", "c")...)
	other := mustUpdate(t, h, selector.Equal("a", "b", "c")...)
	assert.Equal(t, "b", other.View().Member(other.Select(0)).ID)
	assert.NotEqual(t, s.View().Fingerprint(), other.View().Fingerprint(), "same members, another history")
	assert.NotSame(t, s.View().Selector(), other.View().Selector())

	twin := newGroup(t, d, c)
	assert.NotSame(t, mustUpdate(t, newGroup(t, d, c), selector.Equal("x")...).View().Selector(),
		mustUpdate(t, twin, selector.Equal("x")...).View().Selector())
	mustUpdate(t, twin, selector.Equal("a", "b")...)
	mustUpdate(t, twin, selector.Equal("a", "b", "d")...)
	detour := mustUpdate(t, twin, selector.Equal("a", "b", "c")...)
	assert.Equal(t, placement(s.View()), placement(detour.View()))
	assert.NotEqual(t, s.View().Fingerprint(), detour.View().Fingerprint(),
		"another history, though the same placement")

	same := mustUpdate(t, g, selector.Equal("c", "b", "a")...)
	assert.Same(t, s.View().Selector(), same.View().Selector(), "nothing changed")
	assert.Equal(t, s.View().Fingerprint(), same.View().Fingerprint())

	mustUpdate(t, g)
	s = mustUpdate(t, g, selector.Equal("x")...)
	assert.Equal(t, 1, s.View().Selector().(*heirSelector).built, "emptying forgets the history")
}

func TestGroupsThatAreAlikeShareOneSelector(t *testing.T) {
	d := selector.NewDomain()
	group := func(s selector.Strategy, members ...selector.Member) selector.Selector {
		return mustUpdate(t, newGroup(t, d, selector.GroupConfig{Strategy: s}), members...).View().Selector()
	}
	ab := group(selector.Maglev{}, selector.Equal("a", "b")...)
	assert.Same(t, ab, group(selector.Maglev{}, selector.Equal("b", "a")...))
	assert.NotSame(t, ab, group(selector.Maglev{Seed: 1}, selector.Equal("a", "b")...))
	assert.NotSame(t, ab, group(selector.Maglev{}, selector.Equal("a", "c")...))
	assert.NotSame(t, ab, group(selector.Maglev{}, selector.Member{ID: "a", Weight: 2},
		selector.Member{ID: "b", Weight: 1}))
	assert.NotSame(t, ab, mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: selector.Maglev{}}),
		selector.Equal("a", "b")...).View().Selector(),
		"another domain")

	var built atomic.Int64
	for range 3 {
		for _, which := range []int{1, 2, 3} {
			group(counted{which, &built}, selector.Equal("a", "b")...)
		}
	}
	assert.EqualValues(t, 3, built.Load(), "strategies take turns with equal members")

	l := lists{owners: []int32{1}}
	assert.NotPanics(t, func() { group(l, selector.Equal("a", "b")...) }, "a strategy that can't be compared")
}

// counted is a strategy that counts its builds. Its selectors are large enough
// to be collected apart from others.
type counted struct {
	which int
	built *atomic.Int64
}

func (c counted) Build([]selector.Member) (selector.Selector, error) {
	c.built.Add(1)
	return constant(0), nil
}

// lists is a strategy that can't be compared.
type lists struct{ owners []int32 }

func (l lists) Build([]selector.Member) (selector.Selector, error) { return constant(l.owners[0]), nil }
