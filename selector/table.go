package selector

import (
	"fmt"
	"math/bits"
)

// entry is the type of a table's entries: one byte for groups of up to 256
// members, two for more. The smaller a table, the more of them stay in a
// processor's cache.
type entry interface{ uint8 | uint16 }

// table is the selector of a strategy that builds a table: hash h reads slot
// hi64(h * Slots()), the high word of the 128-bit product.
type table[E entry] struct {
	slots []E
}

// Select implements [Selector].
func (t *table[E]) Select(h uint64) int32 {
	slot, _ := bits.Mul64(h, uint64(len(t.slots)))
	return int32(t.slots[slot])
}

// SelectBatch implements [BatchSelector].
func (t *table[E]) SelectBatch(dst []int32, hashes []uint64) {
	dst = window(dst, len(hashes))
	slots := t.slots
	for i, h := range hashes {
		slot, _ := bits.Mul64(h, uint64(len(slots)))
		dst[i] = int32(slots[slot])
	}
}

// Slots implements [Tabled].
func (t *table[E]) Slots() int { return len(t.slots) }

// Owner implements [Tabled]. The slot must be from 0 to Slots()-1.
func (t *table[E]) Owner(slot int) int32 { return int32(t.slots[slot]) }

// owners implements ownerReader.
func (t *table[E]) owners(dst []int32, first int) {
	for i, owner := range t.slots[first : first+len(dst)] {
		dst[i] = int32(owner)
	}
}

// String says what it is, since the table itself has too many numbers.
func (t *table[E]) String() string { return fmt.Sprintf("table of %d slots", len(t.slots)) }

// bytes implements byteTable.
func (t *table[E]) bytes() []uint8 {
	b, _ := any(t.slots).([]uint8)
	return b
}

// A byteTable is a selector that reads a table. A view looks into the slots
// itself: one pointer less to follow.
type byteTable interface {
	bytes() []uint8 // the slots if they take a byte each, else nil
}

// An ownerReader is a [Tabled] that tells the owners of slots from the first one
// on, without a call for each.
type ownerReader interface {
	owners(dst []int32, first int)
}

// ownersRead is how many owners are read at once.
const ownersRead = 256

// readOwners writes the owners of the slots from the first one on into dst, and
// returns it. Those of no table are nobody, -1.
func readOwners(dst []int32, t Tabled, first int) []int32 {
	switch r := t.(type) {
	case nil:
		for i := range dst {
			dst[i] = -1
		}
	case ownerReader:
		r.owners(dst, first)
	default:
		for i := range dst {
			dst[i] = t.Owner(first + i)
		}
	}
	return dst
}

// rankedTable is a table that is a [Ranker] as well.
type rankedTable[E entry] struct {
	table[E]
	preference preference
}

// preference ranks members for a slot behind the slot's owner.
type preference interface {
	next(slot int, owner, after int32) int32
}

// Next implements [Ranker], in O(N) time. It is -1 for a drained or unknown
// member.
func (t *rankedTable[E]) Next(h uint64, after int32) int32 {
	slot, _ := bits.Mul64(h, uint64(len(t.slots)))
	return t.preference.next(int(slot), int32(t.slots[slot]), after)
}

// A fallback orders the members after the first choice of a hash: first the
// heir, who would own the hash if the owner left, then rendezvous order. So the
// hashes of two members that are down are spread over all others.
type fallback struct{ others Ranker }

func newFallback(seed uint64, members []Member) fallback {
	s, _ := Rendezvous{Seed: seed}.Build(members) // the members are validated by now
	return fallback{s.(Ranker)}
}

// following returns the member that follows after. An heir of -1 is none.
func (r fallback) following(h uint64, owner, heir, after int32) int32 {
	if after == owner && heir >= 0 {
		return heir
	}
	var i int32
	if after == owner || heir >= 0 && after == heir {
		i = r.others.Select(h)
	} else {
		i = r.others.Next(h, after)
	}
	for i >= 0 && (i == owner || i == heir) {
		i = r.others.Next(h, i)
	}
	return i
}
