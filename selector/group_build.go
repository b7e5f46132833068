package selector

import (
	"slices"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/internal/slots"
)

// A viewBuilder makes the views of one group. Its caller lets one call run at a
// time, and passes valid members in the order of their indexes.
type viewBuilder struct {
	name   string
	domain *Domain
	scope  *scope
	salt   uint64
	latest atomic.Pointer[newest]
	placer *placer // of the newest snapshot

	allDown AllDown
	groupMarks

	announced []Member // by Group.Announce
	planned   *plan    // by Group.Plan; nil: nothing since the last change
}

// empty returns a group's first view.
func (b *viewBuilder) empty() *View {
	v := b.view(b.placer, nil, 0)
	v.fingerprint = fingerprint(b.placer.strategy, nil, nil, 0)
	v.tier.fingerprint = v.fingerprint
	v.bySlot = slots.NewIndex[Slot](nil)
	return v
}

func (b *viewBuilder) view(p *placer, members []Member, version uint64) *View {
	return &View{
		domain:  b.domain,
		members: members,
		allDown: b.allDown,
		ordered: p.ordered,
		name:    b.name,
		scope:   b.scope,
		salt:    b.salt,
		version: version,
		latest:  &b.latest,
	}
}

// draft returns a view of the members without marks and slots. is says which are
// backups; nil: none.
func (b *viewBuilder) draft(old *View, p *placer, members []Member, is []bool, version uint64) (*View, error) {
	v := b.view(p, members, version)
	if err := b.place(v, old, p, is); err != nil {
		return nil, err
	}
	// On an error every flow is pinned, as if nobody were announced.
	if future, err := b.future(v, b.announced); err == nil {
		v.future = future
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

// place gives v its tiers and its fingerprint.
func (b *viewBuilder) place(v, old *View, p *placer, is []bool) (err error) {
	if is != nil {
		return b.placeBoth(v, old, p, is)
	}
	v.tier, err = b.placeTier(v.members, old, p, primaryTier)
	v.fingerprint = v.tier.fingerprint
	return err
}

// placeTier returns tier n of the view that follows old. It is that of old if
// neither a member nor the strategy changed; else the one that was planned; else
// its selector is the successor of old's if there is a history; else one built
// for the members alone.
func (b *viewBuilder) placeTier(members []Member, old *View, p *placer, n int) (tier, error) {
	before := old.tierOf(n)
	if p.same(b.placer) && slices.Equal(before.placed, members) {
		before.placed = members
		return before, nil
	}
	if !slices.ContainsFunc(members, func(m Member) bool { return m.Weight > 0 }) {
		return tier{placed: members, fingerprint: fingerprint(p.strategy, nil, members, 0)}, nil
	}
	from := b.follows(old, p)
	if t, ok := b.recall(members, from, p, n); ok {
		return t, nil
	}
	history := uint64(0)
	var shared *sharedSelector
	var err error
	if r, ok := before.selector.(Rebuilder); ok && from != nil {
		history = before.fingerprint
		shared, err = p.rebuild(r, members, previous(from, members))
	} else {
		shared, err = p.build(b.domain, members)
	}
	if err != nil {
		return tier{}, err
	}
	return newTier(shared, members, fingerprint(p.strategy, shared.selector, members, history)), nil
}

// follows returns old if what p places depends on it, else nil.
func (b *viewBuilder) follows(old *View, p *placer) *View {
	if _, ok := old.selector.(Rebuilder); ok && p.same(b.placer) {
		return old // and then that of each tier is one
	}
	return nil
}

// join takes the group's name and gives each member its mark and its slot, when
// nothing else can fail any more. Where members left the group they leave its
// scope too; their slots stay until v is published.
func (b *viewBuilder) join(v, old *View) error {
	d := b.domain
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.names.take(b, len(v.members) > 0); err != nil {
		return err
	}
	b.attach(v)
	for i, before := range previous(old, v.members) {
		v.slots[i] = d.slotOf(v, old, int32(i), before)
	}
	v.bySlot = slots.NewIndex(v.slots)
	b.scope.change(old, v)
	return nil
}

// attach gives each member its marks, and none a slot. The caller holds
// Domain.mu.
func (b *viewBuilder) attach(v *View) {
	v.marks = make([]*Mark, len(v.members))
	for i, m := range v.members {
		v.marks[i] = b.domain.mark(m.ID)
	}
	v.slots = make([]Slot, len(v.members))
	v.live = newLiveness(v.members, v.marks, !v.ordered)
	v.own = v.live.own
	b.watch(v.live)
}

// named puts the name of the group into an error.
func (b *viewBuilder) named(err error) error {
	e := &GroupError{Err: err, Index: -1}
	if own, ok := err.(*GroupError); ok { //nolint:errorlint // not one that is wrapped: that is a strategy's
		*e = *own
	}
	e.Group = b.name
	return e
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
