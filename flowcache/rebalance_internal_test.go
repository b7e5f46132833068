package flowcache

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// TestLostMoveIsAllowedAgain has another worker change a pin just before it is
// moved.
func TestLostMoveIsAllowedAgain(t *testing.T) {
	d := selector.NewDomain()
	table, err := NewTable(Config{Domain: d, Flows: 1})
	require.NoError(t, err)
	g, err := selector.NewGroup[int](d, selector.GroupConfig{Name: "g", Strategy: selector.Modulo{}})
	require.NoError(t, err)
	snapshot, err := g.Update([]selector.Hop[int]{{ID: "a", Weight: 1}, {ID: "b", Weight: 1}})
	require.NoError(t, err)
	v := snapshot.View()
	s, p := NewSticky(table), Packet{Digest: 1 << 63}
	s.at(0)
	other := 1 - v.Select(p.Digest^v.Salt())
	w := newWord(tagOf(p.Digest), v.Slot(other), &s.now, EstablishedTCP)
	s.at(time.Minute)
	at := &table.buckets[0][0]
	at.Store(uint64(w) + 1<<tickShift)
	table.Rebalance(1, time.Second)
	_, done, ok := s.rebalance(&p, v, at, w, w, other)
	assert.True(t, done)
	assert.False(t, ok)
	assert.EqualValues(t, 1, table.rebalancing.left.Load())

	at.Store(uint64(w))
	r, done, ok := s.rebalance(&p, v, at, w, w, other)
	assert.True(t, done && ok)
	assert.Equal(t, Route{1 - other, Rebalanced}, r)
	assert.Zero(t, table.rebalancing.left.Load())
}
