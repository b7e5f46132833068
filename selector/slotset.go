package selector

import (
	"iter"
	"math/bits"
	"slices"
)

// slotSet is a set of the slots of a table, a bit each.
type slotSet []uint64

// fullSlotSet returns the set of all slots, of which there are 64 or more.
func fullSlotSet(slots int) slotSet { return slices.Repeat(slotSet{^uint64(0)}, slots/64) }

func (s slotSet) has(slot uint32) bool { return s[slot>>6]>>(slot&63)&1 != 0 }
func (s slotSet) add(slot uint32)      { s[slot>>6] |= 1 << (slot & 63) }
func (s slotSet) remove(slot uint32)   { s[slot>>6] &^= 1 << (slot & 63) }

// all yields the slots of the set, in order.
func (s slotSet) all() iter.Seq[uint32] { return s.without(make(slotSet, len(s))) }

// without yields the slots that are not in another set, in order. What changes
// in a set meanwhile may be seen or not.
func (s slotSet) without(other slotSet) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i := range s {
			for word := s[i] &^ other[i]; word != 0; word &= word - 1 {
				if !yield(uint32(i*64 + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}
