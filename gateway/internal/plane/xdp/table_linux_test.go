package xdp

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
)

// The hashes are the least that read each slot.
func TestHashes(t *testing.T) {
	for _, slots := range []int{1, 2, 3, 5, 64, 101, 2039, 65536, 65537, MaxSlots - 1, MaxSlots} {
		all := newHashes(slots)
		for first := 0; first < slots; first += 100 {
			list := make([]uint64, min(100, slots-first))
			all.fill(list)
			for i, h := range list {
				slot := uint64(first + i)
				reads, _ := bits.Mul64(h, uint64(slots))
				require.Equal(t, slot, reads, "%d of %d", slot, slots)
				if slot > 0 {
					before, _ := bits.Mul64(h-1, uint64(slots))
					require.Equal(t, slot-1, before, "before %d of %d", slot, slots)
				}
			}
		}
	}
}
