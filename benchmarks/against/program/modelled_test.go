package program

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A route that the model would not give is told: here it has forgotten a pin.
func TestModelledTellsOfOtherRoutes(t *testing.T) {
	domain := selector.NewDomain()
	group, err := selector.NewGroup[int](domain, selector.GroupConfig{Name: "vip", Strategy: selector.Maglev{}})
	require.NoError(t, err)
	s, err := group.Update([]selector.Hop[int]{{ID: "a", Weight: 1}, {ID: "b", Weight: 1}})
	require.NoError(t, err)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 100})
	require.NoError(t, err)

	var m modelled
	assert.Nil(t, m.over("a table of another commit"))
	assert.Same(t, &m, m.over(table))
	packets := []flowcache.Packet{{Digest: 1 << 40}, {Digest: 2 << 40}, {Mode: flowcache.Skip}}
	routes, views := make([]flowcache.Route, len(packets)), []*selector.View{s.View()}
	for range 2 {
		m.RouteBatch(routes, packets, views, 0)
		require.NoError(t, m.err)
	}
	assert.Equal(t, 4, m.routes)
	assert.Equal(t, flowcache.Pinned, routes[0].Verdict)
	delete(m.model.Pins, packets[1].Digest)
	m.RouteBatch(routes, packets, views, 0)
	assert.ErrorContains(t, m.err, "by the model")
}
