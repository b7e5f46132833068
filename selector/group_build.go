package selector

import (
	"slices"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/internal/slots"
)

// A viewBuilder makes the views of one group. Its caller lets one call run at a
// time, and passes valid members in the order of their indexes.
type viewBuilder struct {
	GroupConfig
	domain   *Domain
	sharable bool // see the function of that name
	ordered  bool
	scope    *scope
	salt     uint64
	latest   atomic.Pointer[View]

	announced []Member // by Group.Announce
}

func ordered(s Strategy) bool {
	o, ok := s.(Ordered)
	return ok && o.Ordered()
}

// empty returns a group's first view.
func (b *viewBuilder) empty() *View {
	v := b.view(nil, 0)
	v.fingerprint = fingerprint(b.Strategy, nil, nil, 0)
	v.bySlot = slots.NewIndex[Slot](nil)
	return v
}

func (b *viewBuilder) view(members []Member, version uint64) *View {
	return &View{
		domain:  b.domain,
		members: members,
		ordered: b.ordered,
		name:    b.Name,
		scope:   b.scope,
		salt:    b.salt,
		version: version,
		latest:  &b.latest,
	}
}

// next builds the view that follows old. Slots are taken last, when nothing can
// fail any more.
func (b *viewBuilder) next(old *View, members []Member, incarnations []uint64, version uint64) (*View, error) {
	v := b.view(members, version)
	v.incarnations = incarnations
	prev := previous(old, members)
	if err := b.place(v, old, prev); err != nil {
		return nil, err
	}
	// On an error every flow is pinned, as if nobody were announced.
	if future, err := b.future(v.selector, members, b.announced); err == nil {
		v.future = future
	}
	if err := b.join(v, old, prev); err != nil {
		return nil, err
	}
	return v, nil
}

func indexByID(members []Member) map[string]int32 {
	index := make(map[string]int32, len(members))
	for i, m := range members {
		index[m.ID] = int32(i)
	}
	return index
}

// previous returns the index in old of each member, -1 for one that joins.
func previous(old *View, members []Member) []int32 {
	index := indexByID(old.members)
	prev := make([]int32, len(members))
	for i, m := range members {
		at, ok := index[m.ID]
		if !ok {
			at = -1
		}
		prev[i] = at
	}
	return prev
}

// place gives v its selector and its fingerprint. They are those of old if no
// member changed; else the successor of old's selector if that is a Rebuilder;
// else a selector built for the members alone.
func (b *viewBuilder) place(v, old *View, prev []int32) error {
	if slices.Equal(old.members, v.members) {
		v.shared, v.fingerprint = old.shared, old.fingerprint
		v.setSelector(old.selector)
		return nil
	}
	if !slices.ContainsFunc(v.members, func(m Member) bool { return m.Weight > 0 }) {
		v.fingerprint = fingerprint(b.Strategy, nil, v.members, 0)
		return nil
	}
	history := uint64(0)
	if r, ok := old.selector.(Rebuilder); ok {
		s, err := r.Rebuild(v.members, prev)
		if err != nil {
			return err
		}
		v.setSelector(s)
		history = old.fingerprint
	} else {
		shared, err := b.domain.build(b.Strategy, b.sharable, v.members)
		if err != nil {
			return err
		}
		v.shared = shared
		v.setSelector(shared.selector)
	}
	v.fingerprint = fingerprint(b.Strategy, v.selector, v.members, history)
	return nil
}

// The bits of a hash that selectors see. Those of highBits are the ones that a
// flow table keeps of a digest.
const (
	allBits  = ^uint64(0)
	highBits = ^uint64(1<<30 - 1)
)

// A highReader is a selector of 31 or 32 bits, as devices have them, whose
// answers do not depend on the low 30 bits of a hash.
type highReader interface{ readsHighBits() }

// seesHighBits reports whether a selector need not be kept from the low 30 bits
// of a hash. Tables see more of them only where a slot ends.
func seesHighBits(s Selector) bool {
	switch s.(type) {
	case Tabled, highReader:
		return true
	}
	return false
}

func (v *View) setSelector(s Selector) {
	v.selector = s
	v.batch, _ = s.(BatchSelector)
	v.ranker, _ = s.(Ranker)
	v.mask = highBits
	if seesHighBits(s) {
		v.mask = allBits
	}
	if t, ok := s.(byteTable); ok {
		v.table = t.bytes()
	}
}

// join takes the group's name and gives each member its mark and its slot.
// Where members left the group they leave its scope too; their slots stay until
// v is published.
func (b *viewBuilder) join(v, old *View, prev []int32) error {
	v.marks = make([]*Mark, len(v.members))
	v.slots = make([]Slot, len(v.members))
	d := b.domain
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.names.take(b, len(v.members) > 0); err != nil {
		return err
	}
	for i, m := range v.members {
		v.marks[i] = d.mark(m.ID)
		v.slots[i] = d.slotOf(v, old, int32(i), prev[i])
	}
	v.bySlot = slots.NewIndex(v.slots)
	b.scope.change(old, v)
	return nil
}

// slotOf returns the slot of member i of v, which had index prev in old, or -1.
func (d *Domain) slotOf(v, old *View, i, prev int32) Slot {
	stays := prev >= 0 && old.Incarnation(prev) == v.Incarnation(i)
	if stays && old.slots[prev] != NoSlot {
		return old.slots[prev]
	}
	slot := d.slots.Take(slots.Key{ID: v.members[i].ID, Incarnation: v.Incarnation(i)})
	if slot == 0 && !stays {
		d.slots.Refuse()
	}
	return Slot(slot)
}

// retire ends the stay of the members of old that v, now published, does not
// have.
func (d *Domain) retire(old, v *View) {
	for _, slot := range old.slots {
		if _, ok := v.BySlot(slot); !ok {
			d.slots.Put(uint16(slot))
		}
	}
}
