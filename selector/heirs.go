package selector

import (
	"math/bits"
	"sync/atomic"
)

// heirs remembers the heir of each slot of a table: a [Ranker] takes O(N) time
// for it. The memory, two bytes a slot, is taken when the first is asked for.
type heirs struct {
	// two slots in each: 1 + the heir, 0 if it was not asked for yet
	pairs atomic.Pointer[[]atomic.Uint32]
}

// of returns the heir of a slot, -1 if it has none. Whoever asks at the same
// time finds the same.
func (s *heirs) of(slot int, owner int32, d *detours) int32 {
	pairs := s.pairs.Load()
	if pairs == nil {
		pairs = s.make(d.slots)
	}
	pair, shift := &(*pairs)[slot/2], slot%2*16
	if heir := pair.Load() >> shift & 0xffff; heir != 0 {
		return int32(heir) - 1
	}
	heir := d.ranker.Next(firstHash(slot, d.slots), owner)
	if heir >= 0 {
		pair.Or(uint32(heir+1) << shift)
	}
	return heir
}

func (s *heirs) make(slots int) *[]atomic.Uint32 {
	pairs := make([]atomic.Uint32, (slots+1)/2)
	s.pairs.CompareAndSwap(nil, &pairs)
	return s.pairs.Load()
}

// firstHash returns the least hash that reads a slot of a table.
func firstHash(slot, slots int) uint64 {
	h, rest := bits.Div64(uint64(slot), 0, uint64(slots))
	if rest != 0 {
		h++
	}
	return h
}
