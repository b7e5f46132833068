package selector

import (
	"slices"

	"github.com/ecmp-go/ecmp/internal/slots"
)

// Plan returns the snapshot that an Update with these hops would publish, its
// history included, and publishes nothing: for [View.Diff], or for a trial of
// members and strategy. With a strategy that is not the one in force, it is
// what SetStrategy would publish if these were the members; nil is the one in
// force. A member that is not in the group has no slot yet.
//
// The errors are those of Update and SetStrategy. It takes the time of an
// Update, and the next Update or SetStrategy that asks for the same selector
// gets it from the plan, which is forgotten with the next change of the group.
func (g *Group[T]) Plan(s Strategy, hops []Hop[T]) (*Snapshot[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	version, err := g.nextVersion()
	if err != nil {
		return nil, err
	}
	b := &g.builder
	p := b.placer
	if s != nil {
		if p, err = b.placerOf(s); err != nil {
			return nil, err
		}
	}
	d, err := g.draft(version, p, hops)
	if err != nil {
		return nil, err
	}
	old := &g.Load().view
	if err := b.plan(d.view, old, p); err != nil {
		return nil, b.named(err)
	}
	return &Snapshot[T]{view: *d.view, values: d.values}, nil
}

// A plan is a placement that was built and not published.
type plan struct {
	placer *placer
	from   *View // whose successor it is; nil: it was built from the members alone
	view   *View
}

// plan completes v, which is not to be published, and remembers its placement.
func (b *viewBuilder) plan(v, old *View, p *placer) error {
	d := b.domain
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.names.check(b, len(v.members) > 0); err != nil {
		return err
	}
	b.attach(v)
	for i, before := range previous(old, v.members) {
		if before >= 0 && old.Incarnation(before) == v.Incarnation(int32(i)) {
			v.slots[i] = old.slots[before]
		}
	}
	v.bySlot = slots.NewIndex(v.slots)
	b.planned = &plan{placer: p, from: b.follows(old, p), view: v}
	return nil
}

// recall returns the tier that was planned, if it is the one asked for.
func (b *viewBuilder) recall(members []Member, from *View, p *placer, n int) (tier, bool) {
	q := b.planned
	if q == nil || q.from != from || !q.placer.same(p) {
		return tier{}, false
	}
	t := q.view.tierOf(n)
	return t, t.selector != nil && slices.Equal(t.placed, members)
}
