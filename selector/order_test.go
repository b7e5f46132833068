package selector_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// Order has everybody who can take a flow once, whatever is down, and begins
// with who gets it.
func TestOrder(t *testing.T) {
	for _, row := range catalog.All() {
		for _, allDown := range []selector.AllDown{selector.DropAll, selector.UseAll} {
			domain := selector.NewDomain()
			g := newGroup(t, domain, selector.GroupConfig{Strategy: row.Strategy, AllDown: allDown})
			var list []selector.Hop[string]
			for i := range 12 {
				weight := uint32(1)
				if i%4 == 3 {
					weight = 0
				}
				list = append(list, selector.Hop[string]{ID: fmt.Sprint("m", i), Weight: weight, Backup: i >= 8})
			}
			s, err := g.Update(list)
			require.NoError(t, err)
			for _, down := range [][]string{nil, {"m0"}, {"m0", "m1", "m5", "m10"},
				{"m0", "m1", "m2", "m4", "m5", "m6"}, {"m0", "m1", "m2", "m4", "m5", "m6", "m8", "m9", "m10"}} {
				for _, m := range s.All() {
					domain.Mark(m.ID).SetDown(slices.Contains(down, m.ID))
				}
				for i := range uint64(50) {
					h := i * 0x9e3779b97f4a7c15
					order := slices.Collect(s.Order(h))
					if first := s.Select(h); first < 0 {
						assert.Empty(t, order)
					} else {
						require.Equal(t, first, order[0], row.Name)
					}
					var want []int32
					for i, m := range s.All() {
						if m.Weight > 0 && s.Usable(i) {
							want = append(want, i)
						}
					}
					assert.ElementsMatch(t, want, order, "%s, down: %v", row.Name, down)
					backups := slices.IndexFunc(order, func(i int32) bool { return s.Backup(i) })
					for _, i := range order[max(0, backups):] {
						assert.True(t, backups < 0 || s.Backup(i), "%s: a primary after a backup", row.Name)
					}
				}
			}
		}
	}
}

// Where nobody is down, it is the selector's own order.
func TestOrderIsNext(t *testing.T) {
	for _, row := range catalog.All() {
		g := newGroup(t, nil, selector.GroupConfig{Strategy: row.Strategy})
		s := mustUpdate(t, g, benchmarkGroup(9, 1)...)
		ranker, ok := s.Selector().(selector.Ranker)
		if !ok {
			continue
		}
		for i := range uint64(100) {
			h := i * 0x9e3779b97f4a7c15 &^ (1<<30 - 1)
			var want []int32
			for i := ranker.Select(h); i >= 0; i = ranker.Next(h, i) {
				want = append(want, i)
			}
			assert.Equal(t, want, slices.Collect(s.Order(h)), row.Name)
		}
	}
}
