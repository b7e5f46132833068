package xdp

import (
	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A releasing is a member of a group whose flows are released.
type releasing struct {
	group string // no other group with members has its name
	slot  selector.Slot
}

type release struct {
	group *engine.Group
	which plane.Released
}

// releases are those in force. They never change: Release makes others.
type releases map[releasing]release

// releasedNow returns the releases in force; nil if there are none.
func (f *flows) releasedNow() releases {
	if r := f.released.Load(); r != nil {
		return *r
	}
	return nil
}

// Release implements [plane.Flows]. The program learns it by the tables of the
// groups, where a member that loses all flows is as good as gone. The error is
// that of the kernel.
func (f *flows) Release(list []plane.Release) error {
	next := make(releases, len(list))
	for _, r := range list {
		v := r.Group.Load().View()
		if i, ok := v.Index(r.Member); ok && r.Which != plane.Kept {
			next[releasing{v.Name(), v.Slot(i)}] = release{r.Group, r.Which}
		}
	}
	was := f.released.Swap(&next)
	err := f.changed()
	if err != nil {
		f.released.CompareAndSwap(&next, was)
	}
	return err
}

// endReleases forgets those of members that take new flows, or that left.
func (f *flows) endReleases(services []*service) {
	was := f.released.Load()
	if was == nil || len(*was) == 0 {
		return
	}
	if next := was.of(services); len(next) < len(*was) {
		f.released.CompareAndSwap(was, &next)
	}
}

// of returns the releases of members that services drain.
func (r releases) of(services []*service) releases {
	there := make(map[*engine.Group]bool, len(services))
	for _, s := range services {
		there[s.group] = true
	}
	drained := make(releases, len(r))
	for of, is := range r {
		v := is.group.Load().View()
		if i, ok := v.BySlot(of.slot); ok && there[is.group] && v.Drained(i) {
			drained[of] = is
		}
	}
	return drained
}

// stateOf returns what may be done with member i.
func (f *flows) stateOf(v *selector.View, i int32) hopState {
	s := memberState(v, i)
	if f == nil || s == hopAlive {
		return s
	}
	releases := f.releasedNow()
	if len(releases) == 0 || !v.Drained(i) {
		return s
	}
	switch which := releases[releasing{v.Name(), v.Slot(i)}].which; {
	case which == plane.Everything:
		return hopGone
	case which == plane.Connectionless && s == hopDrained:
		return hopReleasing
	}
	return s
}

// over returns the slots whose pins, as they were read before, are of no use
// any more: of members that lose all their flows. A pin does not tell its
// group, so this is known only where the member is in no other.
func (f *flows) over() map[selector.Slot]bool {
	slots := make(map[selector.Slot]bool)
	for of, r := range f.releasedNow() {
		if r.which == plane.Everything && f.onlyDrained(r.group, of.slot) {
			slots[of.slot] = true
		}
	}
	return slots
}

// onlyDrained reports whether the slot's member is drained in a group, and in
// no other group. If the newest view is the same before and after the groups
// with the member are counted, its group was among them.
func (f *flows) onlyDrained(g *engine.Group, slot selector.Slot) bool {
	v := g.Load().View()
	i, ok := v.BySlot(slot)
	return ok && v.Drained(i) && f.pool().Groups(uint16(slot)) == 1 && g.Load().View() == v
}
