package selector

import (
	"cmp"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/internal/slots"
)

// A View is the part of a snapshot that has no payloads: the members, their
// slots, their marks and the selector. The flow cache works with it. It never
// changes, but for the marks, and is safe for concurrent use.
type View struct {
	// What a look-up reads comes first.
	domain *Domain
	tier
	marks   []*Mark
	own     []atomic.Uint32 // of live
	live    *liveness
	members []Member
	slots   []Slot
	bySlot  slots.Index
	scope   *scope // nil: that of the group alone

	name         string
	salt         uint64
	backups      *backups // nil: there are none
	allDown      AllDown
	ordered      bool     // members are in the order given, not in that of IDs
	incarnations []uint64 // nil: all are 0
	version      uint64
	fingerprint  uint64          // of both tiers
	future       *sharedSelector // with the members that Group.Announce announced; nil: none
	latest       *atomic.Pointer[newest]
}

// Select returns the index of the member for hash h, -1 when no member of
// positive weight is alive.
//
// If the hash's own member is down, and only then, it goes elsewhere: to its
// heir, who would own it if its member left, where the selector is a [Ranker].
// If the heir is down too, h is looked up again as another hash, up to 16
// times. At last it goes to the next member that is up after a random one.
// [Rendezvous] follows its whole order instead, and [MultiProbe] and the
// largest of [Ring] look up again by weight alone, as [Threshold] does. So the
// answer depends on the hash and the marks alone, and takes no longer than some
// look-ups do, however many members are down. The heirs of a [Tabled] are
// remembered, in two bytes a slot, and each takes the time of Next once.
//
// A selector that is not [Tabled] gets h with its low 30 bits cleared, which a
// flow table does not keep: so a pin alone tells whether its member is the one
// that the selector gives.
func (v *View) Select(h uint64) int32 {
	var i int32
	switch {
	case v.table != nil:
		slot, _ := bits.Mul64(h, uint64(len(v.table)))
		i = int32(v.table[slot])
	case v.selector != nil:
		i = v.selector.Select(h & v.mask)
	default:
		return -1
	}
	if v.domain.down.Load() != 0 {
		return v.marked(h, i)
	}
	return i
}

// Unmarked returns the member that the selector gives for hash h, whatever the
// marks say: where placement has the hash. It is -1 if no member has a positive
// weight.
func (v *View) Unmarked(h uint64) int32 {
	switch {
	case v.table != nil:
		slot, _ := bits.Mul64(h, uint64(len(v.table)))
		return int32(v.table[slot])
	case v.selector != nil:
		return v.selector.Select(h & v.mask)
	}
	return -1
}

// SelectBatch is Select for a burst: dst[i] = Select(hashes[i]). It panics if
// dst is shorter than hashes.
func (v *View) SelectBatch(dst []int32, hashes []uint64) {
	dst = dst[:len(hashes):len(dst)]
	if v.batch == nil || v.mask != allBits {
		for i, h := range hashes {
			dst[i] = v.Select(h)
		}
		return
	}
	v.batch.SelectBatch(dst, hashes)
	if v.domain.down.Load() == 0 {
		return
	}
	for i, h := range hashes {
		if own := dst[i]; !v.up(own) {
			dst[i] = v.detour(h, own)
		}
	}
}

// marked returns the member for h, whose own member is own, while somebody in
// the domain is down. It is not inlined, to keep Select short.
//
//go:noinline
func (v *View) marked(h uint64, own int32) int32 {
	if v.up(own) {
		return own
	}
	return v.detour(h, own)
}

// detour returns the member for h while member own, its own, is down.
func (v *View) detour(h uint64, own int32) int32 {
	generation := v.domain.down.Load()
	if generation == 0 {
		return own // since a moment ago
	}
	switch standing := v.standing(generation); {
	case standing&inForceUp != 0:
		return v.shared.detours.around(h, own, v.survivors(&v.tier, generation))
	case standing&standbyUp != 0:
		b := v.standby()
		return b.shared.detours.around(h, b.selector.Select(h&b.mask), v.survivors(b, generation))
	case v.allDown == UseAll:
		return own
	}
	return -1
}

// Len returns the number of members, drained ones included.
func (v *View) Len() int { return len(v.members) }

// Member returns the member at index i.
func (v *View) Member(i int32) Member { return v.members[i] }

// Index returns the index of the member with this ID; ok is false if the view
// has none. It takes O(log N) time, and O(N) with an [Ordered] strategy.
func (v *View) Index(id string) (i int32, ok bool) {
	i = indexOf(v.members, !v.ordered, id)
	return i, i >= 0
}

// indexOf returns the index of the member with this ID, -1 if there is none.
// Sorted is true if members are in order of ID.
func indexOf(members []Member, sorted bool, id string) int32 {
	if !sorted {
		return int32(slices.IndexFunc(members, func(m Member) bool { return m.ID == id }))
	}
	i, ok := slices.BinarySearchFunc(members, id, func(m Member, id string) int { return cmp.Compare(m.ID, id) })
	if !ok {
		return -1
	}
	return int32(i)
}

// SlotOf returns the slot of the member with this ID and incarnation; [NoSlot]
// if the view has no such member, or if it has no slot.
func (v *View) SlotOf(id string, incarnation uint64) Slot {
	i, ok := v.Index(id)
	if !ok || v.Incarnation(i) != incarnation {
		return NoSlot
	}
	return v.slots[i]
}

// All yields the members with their indexes, in order of index.
func (v *View) All() iter.Seq2[int32, Member] {
	return func(yield func(int32, Member) bool) {
		for i, m := range v.members {
			if !yield(int32(i), m) {
				return
			}
		}
	}
}

// String says in a line what the view is of, for logs. The form may change.
func (v *View) String() string {
	drained, down := 0, 0
	for i, m := range v.members {
		if m.Weight == 0 {
			drained++
		}
		if !v.Alive(int32(i)) {
			down++
		}
	}
	selector := "no selector"
	if s, ok := v.selector.(fmt.Stringer); ok {
		selector = s.String()
	} else if v.selector != nil {
		selector = fmt.Sprintf("%T", v.selector)
	}
	return fmt.Sprintf("group %q, version %d, %d members (%d drained, %d down), %s, fingerprint %016x",
		v.name, v.version, len(v.members), drained, down, selector, v.fingerprint)
}

// Name returns the name of the group.
func (v *View) Name() string { return v.name }

// Salt returns what the flow cache mixes into digests: see [Group.Salt].
func (v *View) Salt() uint64 { return v.salt }

// Version returns the version of the snapshot, which grows with every update of
// the group; 0 for the empty one it starts with.
func (v *View) Version() uint64 { return v.version }

// Fingerprint returns a digest of all that placement depends on: strategy and
// parameters, members and weights, and the history where the strategy has one.
// Routers whose fingerprints are equal place every hash alike. Unequal ones may
// still do so. A strategy from elsewhere, whose parameters are unknown, is told
// by its answers to 4,096 fixed hashes. Whether routers hash packets alike is
// another question: see hash.Policy.Fingerprint.
func (v *View) Fingerprint() uint64 { return v.fingerprint }

// Selector returns the selector of the view; nil if no member has a positive
// weight. It knows nothing of marks.
func (v *View) Selector() Selector { return v.selector }

// Slot returns the slot of member i. It is [NoSlot] if none was free when the
// member joined, nor at any update since.
func (v *View) Slot(i int32) Slot { return v.slots[i] }

// BySlot returns the index of the member with this slot; ok is false if no
// member of the view has it.
func (v *View) BySlot(slot Slot) (i int32, ok bool) {
	i = v.bySlot.Find(uint32(slot))
	return i, i >= 0
}

// SlotIndex returns what BySlot looks into, for the flow tables of this module
// alone.
func (v *View) SlotIndex(slots.Insider) *slots.Index { return &v.bySlot }

// InScope reports whether the member with this slot is in a group of the view's
// scope now.
func (v *View) InScope(slot Slot) bool {
	if v.scope == nil {
		_, ok := v.latest.Load().view.BySlot(slot)
		return ok
	}
	return v.scope.slots.Has(uint16(slot))
}

// Incarnation returns the incarnation of member i: see [Hop].
func (v *View) Incarnation(i int32) uint64 {
	if v.incarnations == nil {
		return 0
	}
	return v.incarnations[i]
}

// Domain returns the domain of the group.
func (v *View) Domain() *Domain { return v.domain }

// Alive reports whether member i is not marked as down, neither in the domain
// nor in the group.
func (v *View) Alive(i int32) bool { return v.domain.down.Load() == 0 || v.up(i) }

// up is Alive while somebody in the domain is down.
func (v *View) up(i int32) bool {
	return !v.marks[i].down.Load() && v.own[uint32(i)/perWord].Load()>>(uint32(i)%perWord)&1 == 0
}

// Drained reports whether member i has weight zero.
func (v *View) Drained(i int32) bool { return v.members[i].Weight == 0 }

// Latest reports whether the view is of the group's newest snapshot. It turns
// false before the next snapshot can be loaded. So a slot in a flow table that
// a latest view does not know is that of a member that left.
func (v *View) Latest() bool { return v.latest.Load().view == v }

// Newest returns the view of the group's newest snapshot, for the flow tables
// of this module alone.
func (v *View) Newest(slots.Insider) *View { return v.latest.Load().view }
