package selector

import (
	"slices"
	"sync/atomic"
	"weak"
)

// A Mark says whether a member is alive. Marks are advice to look-ups and never
// change placement: while a member is down its hashes go elsewhere, and when it
// is up again they return: see [View.Select]. [Domain.Mark] makes one for every
// group of a domain, as for a link or a neighbour, and [Group.Mark] one for a
// group, as for the health of a service. A member is down if either is.
//
// A Mark is safe for concurrent use.
type Mark struct {
	down   atomic.Bool
	domain *Domain

	group *viewBuilder // nil: every group's
	id    string       // of a group's
}

// SetDown marks the member as down or up. It is in force for every look-up that
// starts after SetDown returns. It takes the same time whatever the number of
// groups. The first look-up after it that meets a member that is down takes
// O(N) time more in each group.
func (m *Mark) SetDown(down bool) {
	d := m.domain
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.down.Load() == down {
		return
	}
	if m.group != nil && m.group.closed {
		return
	}
	m.down.Store(down)
	if m.group != nil {
		m.group.spread(m)
	}
	if down {
		if d.downMarks == nil {
			d.downMarks = make(map[*Mark]struct{})
		}
		d.downMarks[m] = struct{}{}
	} else {
		delete(d.downMarks, m)
	}
	d.marksChanged()
}

// Down reports whether the mark is down.
func (m *Mark) Down() bool { return m.down.Load() }

// marksChanged begins a generation of marks. The caller holds d.mu.
func (d *Domain) marksChanged() {
	if d.generation++; d.generation == 0 {
		d.generation = 1 // 0 means that nobody is down
	}
	if len(d.downMarks) == 0 {
		d.down.Store(0)
	} else {
		d.down.Store(d.generation)
	}
}

// groupMarks are the marks of one group. Domain.mu guards them.
type groupMarks struct {
	closed bool // no mark counts any more
	marks  weakMap[string, Mark]
	lives  []weak.Pointer[liveness] // of the group's views that are in use
}

// Mark returns the liveness mark of the member with this ID in this group
// alone. The member need not exist. The mark is kept through updates of the
// group, and down until SetDown(false). [Domain.Mark] is for what is down in
// every group.
func (g *Group[T]) Mark(id string) *Mark { return g.builder.mark(id) }

func (b *viewBuilder) mark(id string) *Mark {
	d := b.domain
	d.mu.Lock()
	defer d.mu.Unlock()
	m := b.marks.get(id)
	if m == nil {
		m = &Mark{domain: d, group: b, id: id}
		b.marks.put(id, m)
	}
	return m
}

// spread tells the group's views of a mark that changed.
func (g *groupMarks) spread(m *Mark) {
	for _, p := range g.lives {
		if l := p.Value(); l != nil {
			l.setOwn(m.id, m.down.Load())
		}
	}
}

// watch tells a new view of the marks that are down, now and later. The caller
// holds Domain.mu.
func (g *groupMarks) watch(l *liveness) {
	for id, p := range g.marks.entries {
		if m := p.Value(); m != nil && m.down.Load() {
			l.setOwn(id, true)
		}
	}
	g.lives = append(slices.DeleteFunc(g.lives, func(p weak.Pointer[liveness]) bool { return p.Value() == nil }),
		weak.Make(l))
}

// dropMarks ends the group's marks: look-ups of others need not ask for them.
func (b *viewBuilder) dropMarks() {
	d := b.domain
	d.mu.Lock()
	defer d.mu.Unlock()
	b.closed = true
	for m := range d.downMarks {
		if m.group == b {
			m.down.Store(false)
			b.spread(m)
			delete(d.downMarks, m)
		}
	}
	d.marksChanged()
}
