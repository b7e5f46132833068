package selector_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

func TestMarkIsInForceInEveryGroupAtOnce(t *testing.T) {
	d := selector.NewDomain()
	var groups []*selector.Group[string]
	for _, row := range catalog.All() {
		g := newGroup(t, d, selector.GroupConfig{Strategy: row.Strategy})
		mustUpdate(t, g, selector.Equal("a", "b", "c", "d")...)
		groups = append(groups, g)
	}
	before := make([][]string, len(groups))
	for i, g := range groups {
		before[i] = placement(g.Load().View())
	}
	d.Mark("b").SetDown(true)
	assert.True(t, d.Mark("b").Down())
	for i, g := range groups {
		v := g.Load().View()
		assert.False(t, v.Alive(1))
		assert.True(t, v.Alive(0))
		for k, id := range placement(v) {
			require.NotEqual(t, "b", id)
			if before[i][k] != "b" {
				require.Equal(t, before[i][k], id, "only the member that is down loses flows")
			}
		}
	}
	d.Mark("b").SetDown(false)
	for i, g := range groups {
		assert.Equal(t, before[i], placement(g.Load().View()))
	}
}

func TestDownIsNotForgotten(t *testing.T) {
	d := new(selector.Domain) // the zero value is ready
	d.Mark("a").SetDown(true)
	runtime.GC()
	assert.True(t, d.Mark("a").Down())
	v := mustUpdate(t, newGroup(t, d, selector.GroupConfig{}), selector.Equal("a")...).View()
	assert.EqualValues(t, -1, v.Select(1))
}
