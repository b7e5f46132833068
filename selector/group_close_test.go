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
