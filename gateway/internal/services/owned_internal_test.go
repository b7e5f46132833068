package services

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// The shares are those that a view says that it has, of every strategy, with
// drained members and with backups.
func TestShares(t *testing.T) {
	for _, row := range catalog.All() {
		for _, backups := range []bool{false, true} {
			g, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Name: "g",
				Strategy: row.Strategy})
			require.NoError(t, err)
			assert.Equal(t, g.Load().View().Shares(), sharesOf(g.Load().View()), "%s, empty", row.Name)
			var hops []selector.Hop[int]
			for i := range 7 {
				weight := uint32(i % 3)
				if row.EqualOnly {
					weight = min(weight, 1)
				}
				hops = append(hops, selector.Hop[int]{ID: fmt.Sprint("m", i), Weight: weight, Backup: backups && i > 3})
			}
			s, err := g.Update(hops)
			require.NoError(t, err)
			assert.Equal(t, s.View().Shares(), sharesOf(s.View()), "%s, backups %t", row.Name, backups)
		}
	}
}
