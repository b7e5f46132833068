package selector

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestBids has each bid before the next: by cost over weight, exactly, then by
// tie, then by place.
func TestBids(t *testing.T) {
	bids := []bid{
		{cost: 0, tie: 9, weight: 1, place: 1},
		{cost: 4, tie: 7, weight: 2, place: 5},
		{cost: 2, tie: 8, weight: 1, place: 0},
		{cost: 6, tie: 8, weight: 3, place: 2},
		{cost: 1 << 54, tie: 6, weight: math.MaxUint32, place: 3},
		{cost: 1<<54 + 1, tie: 6, weight: math.MaxUint32, place: 3},
		{cost: 1 << 54, tie: 5, weight: 1, place: 4},
	}
	for i := range bids {
		for j := range bids {
			assert.Equal(t, i < j, bids[i].before(bids[j]), "%d and %d", i, j)
		}
	}
}
