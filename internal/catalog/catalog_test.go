package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

func TestNames(t *testing.T) {
	for i, name := range catalog.Names() {
		s, err := selector.ParseStrategy(name)
		require.NoError(t, err)
		assert.Equal(t, catalog.All()[i].Strategy, s)
	}
	s, err := selector.ParseStrategy(catalog.Default)
	require.NoError(t, err)
	assert.Equal(t, selector.Bounded{}, s)
}

func TestLevel(t *testing.T) {
	group := []selector.Member{{ID: "a", Weight: 3}, {ID: "b"}, {ID: "c", Weight: 1}}
	for _, row := range catalog.All() {
		level := row.Level(group)
		_, err := selector.New(row.Strategy, level)
		require.NoError(t, err, row.Name)
		if row.EqualOnly {
			assert.Equal(t, []selector.Member{{ID: "a", Weight: 1}, {ID: "b"}, {ID: "c", Weight: 1}}, level, row.Name)
		} else {
			assert.Equal(t, group, level, row.Name)
		}
	}
	assert.Equal(t, uint32(3), group[0].Weight)
}
