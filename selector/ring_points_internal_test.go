package selector

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPointCountsAreBounded: large weights and units halve the unit until the
// points fit into the greatest table, and one member more does not change that.
func TestPointCountsAreBounded(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 1000} {
		for _, unit := range []uint64{1, 21, 100, 4096} {
			members := make([]Member, n)
			for i := range members {
				members[i] = Member{ID: fmt.Sprint(i), Weight: 1<<21 + uint32(i)}
			}
			l, err := newLineup(members, false)
			require.NoError(t, err)
			counts, sum := pointCounts(&l, unit), 0
			for _, c := range counts {
				require.Positive(t, c)
				sum += c
			}
			assert.LessOrEqual(t, sum, MaxTableSize, "%d members, unit %d", n, unit)
			assert.LessOrEqual(t, sum, max(1<<16, 16*int(unit)*n), "%d members, unit %d", n, unit)
		}
	}
}
