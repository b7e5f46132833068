package selector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// TestTableTypes: a byte a slot for up to 256 members, counting the drained,
// since they have indexes.
func TestTableTypes(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	group := selector.Equal(names(r, 257)...)
	group[3].Weight = 0
	for _, s := range []selector.Strategy{selector.Maglev{}, selector.Bounded{}, selector.Resilient{}} {
		assert.Equal(t, 1, selector.EntrySize(build(t, s, group[:256])), "%s", s)
		assert.Equal(t, 2, selector.EntrySize(build(t, s, group)), "%s", s)
	}
}

func TestNextOfStrangers(t *testing.T) {
	group := append(selector.Equal("b", "a", "c"), selector.Member{ID: "drained"})
	unequal := slices.Clone(group)
	unequal[0].Weight = 2
	for _, row := range catalog.All() {
		for _, g := range [][]selector.Member{group[:3], group, unequal} {
			ranker, ok := build(t, row.Strategy, row.Level(g)).(selector.Ranker)
			if !ok {
				continue
			}
			for _, after := range []int32{-1, -2, 3, 4, math.MaxInt32} {
				assert.EqualValues(t, -1, ranker.Next(12345, after), "%s, %d", row.Name, after)
			}
		}
	}
}

// TestManyMembers: no strategy hangs or fails at the greatest number of members
// and the greatest sum of weights.
func TestManyMembers(t *testing.T) {
	racecheck.OneGoroutine(t)
	group := make([]selector.Member, selector.MaxMembers)
	for i := range group {
		group[i] = selector.Member{ID: fmt.Sprintf("%05d", i), Weight: 65535}
	}
	heaviest, unequal := slices.Clone(group), slices.Clone(group)
	for i := range heaviest {
		heaviest[i].Weight = 65537
	}
	heaviest[0].Weight = selector.MaxWeight - 65537*(selector.MaxMembers-1)
	for i := range unequal {
		unequal[i].Weight = uint32(i)
	}
	for _, row := range catalog.All() {
		s := row.Strategy
		if _, ok := s.(selector.Ring); ok {
			s = selector.Ring{Points: 1} // ten million points would do, but take a second
		}
		for _, g := range [][]selector.Member{group, unequal, heaviest} {
			built := build(t, s, row.Level(g))
			seen, batch := map[int32]bool{}, make([]int32, 1)
			for h := range uint64(300) {
				m := built.Select(h << 55)
				require.Positive(t, g[m].Weight)
				built.(selector.BatchSelector).SelectBatch(batch, []uint64{h << 55})
				require.Equal(t, m, batch[0], row.Name)
				seen[m] = true
			}
			assert.Greater(t, len(seen), 250, row.Name)
		}
	}
}
