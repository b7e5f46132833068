package selector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// Other payloads change nothing that routers agree on, and nothing of what was
// published before.
func TestSetValues(t *testing.T) {
	d := selector.NewDomain()
	g, err := selector.NewGroup[string](d, selector.GroupConfig{Name: "g", Strategy: selector.Bounded{}})
	require.NoError(t, err)
	_, err = g.UpdateAt(7, []selector.Hop[string]{{ID: "a", Weight: 1, Value: "old a"}})
	require.NoError(t, err)
	before, err := g.UpdateAt(9, []selector.Hop[string]{
		{ID: "b", Weight: 2, Value: "old b", Incarnation: 3}, {ID: "a", Weight: 1, Value: "old a"},
	})
	require.NoError(t, err)
	previous := before.Previous()
	require.NotNil(t, previous)

	now, err := g.SetValues(func(id, present string) string {
		assert.Equal(t, "old "+id, present)
		return "new " + id
	})
	require.NoError(t, err)
	assert.Same(t, now, g.Load())
	assert.Equal(t, "new a", *now.At(0))
	assert.Equal(t, "new b", *now.At(1))
	assert.Equal(t, "old b", *before.At(1), "what is published never changes")
	assert.Equal(t, uint64(9), now.Version())
	assert.Equal(t, before.Fingerprint(), now.Fingerprint())
	assert.Equal(t, before.View().Slot(1), now.View().Slot(1))
	assert.Equal(t, uint64(3), now.View().Incarnation(1))
	assert.True(t, now.View().Latest())
	assert.False(t, before.View().Latest())
	assert.Same(t, previous, now.Previous(), "the change before is settled no sooner")

	g.Settle(9)
	assert.Nil(t, g.Load().Previous())
	_, err = g.UpdateAt(10, []selector.Hop[string]{{ID: "a", Weight: 1}})
	require.NoError(t, err, "the next version follows")
	assert.Equal(t, now.View().Slot(0), g.Load().View().Slot(0))

	g.Close()
	_, err = g.SetValues(func(_, present string) string { return present })
	require.ErrorIs(t, err, selector.ErrClosed)
}
