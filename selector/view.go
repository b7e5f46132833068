package selector

import (
	"iter"
	"math/bits"
	"sync/atomic"
)

// A View is the part of a snapshot that has no payloads: the members, their
// slots, their marks and the selector. It is what the flow cache works with. It
// never changes, but for the marks, and is safe for concurrent use.
type View struct {
	// What a look-up reads comes first.
	domain   *Domain
	table    []uint8  // of the selector, if it is a Table[uint8]: one pointer less to follow
	selector Selector // nil if no member can take a flow
	marks    []*Mark
	batch    BatchSelector // selector, if it is one
	ranker   Ranker        // selector, if it is one
	members  []Member
	slots    []uint16
	bySlot   slotIndex

	name        string
	salt        uint64
	version     uint64
	fingerprint uint64
	shared      *sharedSelector // keeps it in the domain while a view uses it
	// with the members announced by Group.Prepare; nil if there are none
	future *sharedSelector
	latest *atomic.Pointer[View]
}

// Select returns the index of the member for hash h; -1 when no member can take
// a flow, since the group has none of positive weight that is alive. The member
// of a hash whose own member is down is the next one in the order of the
// strategy (Next) or, where it has none, in order of index, wrapping. With k
// members down, that takes up to k steps: of O(N) time each in the first case.
func (v *View) Select(h uint64) int {
	var i int
	switch {
	case v.table != nil:
		slot, _ := bits.Mul64(h, uint64(len(v.table)))
		i = int(v.table[slot])
	case v.selector != nil:
		i = v.selector.Select(h)
	default:
		return -1
	}
	if v.domain.down.Load() != 0 && v.marks[i].down.Load() {
		return v.detour(h, i)
	}
	return i
}

// SelectBatch is Select for a burst: dst[i] = Select(hashes[i]). It panics if
// dst is shorter than hashes.
func (v *View) SelectBatch(dst []int32, hashes []uint64) {
	dst = dst[:len(hashes):len(dst)]
	if v.batch == nil {
		for i, h := range hashes {
			dst[i] = int32(v.Select(h))
		}
		return
	}
	v.batch.SelectBatch(dst, hashes)
	if v.domain.down.Load() == 0 {
		return
	}
	for i, h := range hashes {
		if own := dst[i]; v.marks[own].down.Load() {
			dst[i] = int32(v.detour(h, int(own)))
		}
	}
}

// detour returns the member for h while member i, its own, is down.
func (v *View) detour(h uint64, i int) int {
	if v.ranker != nil {
		for i >= 0 && v.marks[i].down.Load() {
			i = v.ranker.Next(h, i)
		}
		return i
	}
	for range v.members {
		if i++; i == len(v.members) {
			i = 0
		}
		if v.members[i].Weight > 0 && !v.marks[i].down.Load() {
			return i
		}
	}
	return -1
}

// Len returns the number of members, drained ones included.
func (v *View) Len() int { return len(v.members) }

// Member returns the member at index i.
func (v *View) Member(i int) Member { return v.members[i] }

// All yields the members with their indexes, in order of index.
func (v *View) All() iter.Seq2[int, Member] {
	return func(yield func(int, Member) bool) {
		for i, m := range v.members {
			if !yield(i, m) {
				return
			}
		}
	}
}

// Name returns the name of the group.
func (v *View) Name() string { return v.name }

// Salt returns the XXH64 of the group's name. The flow cache mixes it into
// digests, so that groups can share a table.
func (v *View) Salt() uint64 { return v.salt }

// Version returns the version of the snapshot, which grows with every update of
// the group; 0 for the empty one it starts with.
func (v *View) Version() uint64 { return v.version }

// Fingerprint returns a digest of all that placement depends on: strategy and
// parameters, members and weights, and the history where the strategy has one.
// Routers whose fingerprints are equal place every hash alike. A strategy from
// outside this package, whose parameters can't be known, is told by its answers
// to 4,096 fixed hashes. Unequal fingerprints don't prove unequal placement.
func (v *View) Fingerprint() uint64 { return v.fingerprint }

// Selector returns the selector of the view; nil if no member has a positive
// weight. It knows nothing of marks.
func (v *View) Selector() Selector { return v.selector }

// Slot returns the slot of member i: its number in the domain for this stay in
// the group. It is [NoSlot] if none was free when the member joined, nor at any
// update since.
func (v *View) Slot(i int) uint16 { return v.slots[i] }

// BySlot returns the index of the member with this slot; ok is false if no
// member of the view has it.
func (v *View) BySlot(slot uint16) (i int, ok bool) { return v.bySlot.find(slot) }

// Alive reports whether member i is not marked as down.
func (v *View) Alive(i int) bool { return v.domain.down.Load() == 0 || !v.marks[i].down.Load() }

// Drained reports whether member i has weight zero.
func (v *View) Drained(i int) bool { return v.members[i].Weight == 0 }

// Latest reports whether the view is of the group's newest snapshot. It turns
// false before the next one can be loaded, so a slot found in a flow table that
// a latest view does not know is that of a member that left.
func (v *View) Latest() bool { return v.latest.Load() == v }

// A slotIndex finds the index of a slot by open addressing. An entry is
// slot<<16 | index+1; 0 is free.
type slotIndex struct {
	entries []uint32
	mask    uint32
}

func newSlotIndex(slots []uint16) slotIndex {
	size := uint32(1) << bits.Len(uint(2*len(slots)))
	x := slotIndex{entries: make([]uint32, size), mask: size - 1}
	for i, slot := range slots {
		if slot == NoSlot {
			continue
		}
		at := uint32(slot) & x.mask
		for x.entries[at] != 0 {
			at = (at + 1) & x.mask
		}
		x.entries[at] = uint32(slot)<<16 | uint32(i+1)
	}
	return x
}

func (x *slotIndex) find(slot uint16) (i int, ok bool) {
	for at := uint32(slot); ; at++ {
		e := x.entries[at&x.mask]
		if i := (e ^ uint32(slot)<<16) - 1; i < MaxMembers {
			return int(i), true
		}
		if e == 0 {
			return 0, false
		}
	}
}

// A Snapshot is one state of a group: its [View] and the payloads of its
// members. It never changes and is safe for concurrent use; whoever writes
// through At breaks that promise.
type Snapshot[T any] struct {
	view   View // not a pointer: with many groups, each one followed is a wait for memory
	values []T
}

// At returns the payload of member i, an index that Select returned; it panics
// for -1.
func (s *Snapshot[T]) At(i int) *T { return &s.values[i] }

// Select returns the index of the member for hash h, -1 when no member can take
// a flow: see [View.Select].
func (s *Snapshot[T]) Select(h uint64) int { return s.view.Select(h) }

// SelectBatch is Select for a burst: see [View.SelectBatch].
func (s *Snapshot[T]) SelectBatch(dst []int32, hashes []uint64) { s.view.SelectBatch(dst, hashes) }

// View returns the part of the snapshot that has no payloads.
func (s *Snapshot[T]) View() *View { return &s.view }

// Diff compares the placement of the snapshot with that of an older one: see
// [View.Diff].
func (s *Snapshot[T]) Diff(old *Snapshot[T]) Diff { return s.view.Diff(&old.view) }
