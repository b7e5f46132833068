package selector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// The view before a change that several routers make is kept until all have it.
func TestPreviousIsKeptUntilSettle(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	at := func(version uint64, ids ...string) *selector.View {
		t.Helper()
		s, err := g.UpdateAt(version, hops(selector.Equal(ids...)...))
		require.NoError(t, err)
		return s.View()
	}
	first := at(5, "a", "b")
	assert.Nil(t, first.Previous(), "nothing was placed before")
	second := at(6, "a", "b", "c")
	assert.Same(t, first, second.Previous())
	assert.Nil(t, first.Previous(), "it is not the latest")
	g.Settle(5)
	assert.Same(t, first, second.Previous(), "somebody is at 5")
	g.Settle(6)
	assert.Nil(t, second.Previous())

	third := at(7, "a", "c")
	fourth := at(8, "a", "d")
	assert.Same(t, third, fourth.Previous(), "the one before, and no older one")
	fifth := at(9, "d", "a")
	assert.Same(t, third, fifth.Previous(), "it places as the one before does")
	s, err := g.Announce()
	require.NoError(t, err)
	assert.Same(t, third, s.Previous())
	g.Settle(8)
	assert.Same(t, third, s.Previous())

	s, err = g.SetStrategyAt(10, selector.Modulo{})
	require.NoError(t, err)
	assert.NotNil(t, s.Previous())
	assert.EqualValues(t, 9, s.Previous().Version())
	g.Settle(1 << 63)
	assert.Nil(t, s.Previous())
	g.Settle(1 << 63)
	assert.Nil(t, s.Previous())
}

func TestChangesOfOneRouterAreSettledAtOnce(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	mustUpdate(t, g, selector.Equal("a")...)
	assert.Nil(t, mustUpdate(t, g, selector.Equal("a", "b")...).Previous())
	s, err := g.SetStrategy(selector.Modulo{})
	require.NoError(t, err)
	assert.Nil(t, s.Previous())
	planned, err := g.Plan(nil, hops(selector.Equal("c")...))
	require.NoError(t, err)
	assert.Nil(t, planned.Previous())
	_, err = g.UpdateAt(9, hops(selector.Equal("c")...))
	require.NoError(t, err)
	assert.Nil(t, mustUpdate(t, g, selector.Equal("d")...).Previous(), "an own change ends the doubt")
	_, err = g.UpdateAt(19, hops(selector.Equal("c")...))
	require.NoError(t, err)
	g.Close()
	assert.Nil(t, g.Load().Previous())
}
