package selector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
)

// TestThresholdBounds compares both sides of every bound with the model.
func TestThresholdBounds(t *testing.T) {
	l, err := newLineup([]Member{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 5}}, false)
	require.NoError(t, err)
	assert.Equal(t, []uint32{195225785 + 1, 585677358 + 1, 1171354716 + 1, 2147483647 + 1}, regions(&l).ends)

	random := rand.New(rand.NewPCG(3, 5))
	counts := []int{1, 2, 3, 4, 5, 6, 7, 10, 100, 255, 256, 257, 1000, 4095, 65535}
	for range 20 {
		counts = append(counts, 1+random.IntN(3000))
	}
	for _, n := range counts {
		members := make([]place.Member, n)
		order := make([]int, n)
		for i := range members {
			members[i], order[i] = place.Member{ID: fmt.Sprintf("%05d", i), Weight: 1}, i
		}
		s := &equalThreshold{n: uint64(n)}
		for i, bound := range place.Bounds(members, order) {
			b := bound.Uint64()
			require.EqualValues(t, i, s.Select(b<<33), "%d members", n)
			require.EqualValues(t, i, s.Select(b<<33|(1<<33-1)), "%d members", n)
			if b < 1<<31-1 {
				require.EqualValues(t, i+1, s.Select((b+1)<<33), "%d members", n)
			}
		}
	}
}

// TestThresholdOfLightMembers: by rounding, of two neighbours due half a hash
// each one owns a whole one and one none.
func TestThresholdOfLightMembers(t *testing.T) {
	members := []Member{{"a", 0}, {"b", 1}, {"c", 1}, {"d", 0}, {"e", MaxWeight - 2}, {"f", 0}}
	s, err := Threshold{KeepOrder: true}.Build(members)
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.Select(0))
	for _, h := range []uint64{1 << 33, 2 << 33, 1 << 62, math.MaxUint64 - 1<<34, math.MaxUint64} {
		assert.EqualValues(t, 4, s.Select(h))
	}
}
