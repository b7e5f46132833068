package slots

import "math/bits"

// An Index finds the member of a view by its slot. It never changes.
type Index struct {
	// Dense has a place for each slot from First on: the index of its member
	// and one more, 0 for none. It is empty if the slots are too far apart, and
	// then Entries is an open-addressing table: slot<<16 | index and one more,
	// 0 for none. It begins to look at the slot modulo its size, a power of
	// two.
	First   uint32
	Dense   []uint16
	Entries []uint32
}

// The slots of a dense index span at most denseSpan, or denseRatio times the
// members, whichever is more.
const (
	denseSpan  = 4096
	denseRatio = 16
)

// NewIndex returns the index of a view whose member i has slots[i], 0 for none.
func NewIndex[S ~uint32](slots []S) Index {
	first, last := uint32(Max), uint32(0)
	for _, s := range slots {
		if s != 0 {
			first, last = min(first, uint32(s)), max(last, uint32(s))
		}
	}
	if last == 0 {
		return Index{Dense: make([]uint16, 1)}
	}
	if span := int(last-first) + 1; span <= max(denseSpan, denseRatio*len(slots)) {
		x := Index{First: first, Dense: make([]uint16, span)}
		for i, s := range slots {
			if s != 0 {
				x.Dense[uint32(s)-first] = uint16(i + 1)
			}
		}
		return x
	}
	size := uint32(1) << bits.Len(uint(2*len(slots)))
	x := Index{Entries: make([]uint32, size)}
	for i, s := range slots {
		if s == 0 {
			continue
		}
		at := uint32(s) & (size - 1)
		for x.Entries[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		x.Entries[at] = uint32(s)<<16 | uint32(i+1)
	}
	return x
}

// Find returns the index of the member with this slot, -1 if none has it.
func (x *Index) Find(slot uint32) int32 {
	if len(x.Dense) == 0 {
		return x.search(slot)
	}
	if at := slot - x.First; at < uint32(len(x.Dense)) {
		return int32(x.Dense[at]) - 1
	}
	return -1
}

// search is out of line so that Find is inlined.
//
//go:noinline
func (x *Index) search(slot uint32) int32 {
	mask := uint32(len(x.Entries) - 1)
	for at := slot & mask; slot <= Max; at = (at + 1) & mask {
		e := x.Entries[at]
		if e == 0 {
			return -1
		}
		if e>>16 == slot {
			return int32(e&Max) - 1
		}
	}
	return -1
}
