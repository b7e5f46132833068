package selector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

func TestCloseGivesBackNameAndSlots(t *testing.T) {
	d := selector.NewDomain()
	for range 100 {
		g := newGroup(t, d, selector.GroupConfig{Name: "vip"})
		s := mustUpdate(t, g, selector.Equal("a", "b")...)
		require.Equal(t, 2, d.SlotStats().InUse)
		g.Close()
		require.Zero(t, d.SlotStats().InUse)
		assert.False(t, s.Latest())
		assert.EqualValues(t, -1, g.Load().Select(7))
		assert.Zero(t, g.Load().Len())
		closed := g.Load()
		g.Close()
		assert.Same(t, closed, g.Load())
		for _, change := range []func() error{
			func() error { _, err := g.Update(hops(selector.Equal("a")...)); return err },
			func() error { _, err := g.UpdateAt(100, nil); return err },
			func() error { _, err := g.SetStrategy(selector.Modulo{}); return err },
			func() error { _, err := g.SetStrategyAt(100, selector.Modulo{}); return err },
			func() error { _, err := g.Plan(nil, nil); return err },
			func() error { _, err := g.Announce(selector.Equal("c")...); return err },
		} {
			err := change()
			require.ErrorIs(t, err, selector.ErrClosed)
			require.ErrorContains(t, err, `"vip"`)
		}
	}
}

func TestCloseAtTheLastVersion(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
	_, err := g.UpdateAt(1<<64-1, hops(selector.Equal("a")...))
	require.NoError(t, err)
	g.Close()
	assert.Zero(t, d.SlotStats().InUse)
	assert.Equal(t, uint64(1<<64-1), g.Load().Version())
}

func TestCloseBuildsNothing(t *testing.T) {
	builds := 0
	g := newGroup(t, nil, selector.GroupConfig{Strategy: counting{&builds}})
	mustUpdate(t, g, selector.Equal("a")...)
	_, err := g.Announce(selector.Equal("b")...)
	require.NoError(t, err)
	before := builds
	g.Close()
	assert.Equal(t, before, builds)
}

// counting is a strategy that counts what is built.
type counting struct{ builds *int }

func (c counting) Build(members []selector.Member) (selector.Selector, error) {
	*c.builds++
	return selector.Rendezvous{}.Build(members)
}

func (counting) Minimal() bool { return true }

// A view that is still in use after Close forgets the group's marks.
func TestMarksOfAClosedGroupCountNoMore(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
	s := mustUpdate(t, g, selector.Equal("a", "b")...)
	g.Mark("a").SetDown(true)
	require.False(t, s.Alive(0))
	g.Close()
	d.Mark("elsewhere").SetDown(true) // so that marks are looked at
	assert.True(t, s.Alive(0))
}
