package selector

import (
	"slices"
	"sync/atomic"
)

// A viewBuilder makes the views of one group. Its caller lets one call run at a
// time, and passes valid members in the order of their indexes.
type viewBuilder struct {
	Config
	sharable bool // see the function of that name
	ordered  bool
	salt     uint64
	latest   atomic.Pointer[View]

	announced []Member // by Group.Prepare
}

func ordered(s Strategy) bool {
	o, ok := s.(Ordered)
	return ok && o.Ordered()
}

// empty returns a group's first view.
func (b *viewBuilder) empty() *View {
	v := b.view(nil, 0)
	v.fingerprint = fingerprint(b.Strategy, nil, nil, 0)
	v.bySlot = newSlotIndex(nil)
	return v
}

func (b *viewBuilder) view(members []Member, version uint64) *View {
	return &View{
		domain:  b.Domain,
		members: members,
		name:    b.Name,
		salt:    b.salt,
		version: version,
		latest:  &b.latest,
	}
}

// next builds the view that follows old. Slots are taken last, when nothing can
// fail any more.
func (b *viewBuilder) next(old *View, members []Member, version uint64) (*View, error) {
	v := b.view(members, version)
	prev := previous(old, members)
	if err := b.place(v, old, prev); err != nil {
		return nil, err
	}
	// else all is pinned, as if none were announced
	if future, err := b.future(v.selector, members, b.announced); err == nil {
		v.future = future
	}
	if err := b.join(v, old, prev); err != nil {
		return nil, err
	}
	return v, nil
}

// previous returns the index in old of each member, -1 for one that joins.
func previous(old *View, members []Member) []int {
	index := make(map[string]int, len(old.members))
	for i, m := range old.members {
		index[m.ID] = i
	}
	prev := make([]int, len(members))
	for i, m := range members {
		at, ok := index[m.ID]
		if !ok {
			at = -1
		}
		prev[i] = at
	}
	return prev
}

// place gives v its selector and its fingerprint: those of old if nothing
// changed; the successor of old's selector if that one has a history; else a
// selector built for the members alone.
func (b *viewBuilder) place(v, old *View, prev []int) error {
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
		shared, err := b.Domain.build(b.Strategy, b.sharable, v.members)
		if err != nil {
			return err
		}
		v.shared = shared
		v.setSelector(shared.selector)
	}
	v.fingerprint = fingerprint(b.Strategy, v.selector, v.members, history)
	return nil
}

func (v *View) setSelector(s Selector) {
	v.selector = s
	v.batch, _ = s.(BatchSelector)
	v.ranker, _ = s.(Ranker)
	if t, ok := s.(interface{ bytes() []uint8 }); ok && ours(s) {
		v.table = t.bytes()
	}
}

// join takes the group's name and gives each member its mark and its slot: the
// one that it had in old, or else a free one.
func (b *viewBuilder) join(v, old *View, prev []int) error {
	v.marks = make([]*Mark, len(v.members))
	v.slots = make([]uint16, len(v.members))
	d := b.Domain
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.names.take(b, len(v.members) > 0); err != nil {
		return err
	}
	for i, m := range v.members {
		v.marks[i] = d.mark(m.ID)
		if prev[i] >= 0 {
			v.slots[i] = old.slots[prev[i]]
		}
		if v.slots[i] == NoSlot {
			v.slots[i] = d.slots.take(slotOwner{v.name, m.ID})
			if prev[i] < 0 && v.slots[i] == NoSlot {
				d.slots.refused++
			}
		}
	}
	v.bySlot = newSlotIndex(v.slots)
	return nil
}
