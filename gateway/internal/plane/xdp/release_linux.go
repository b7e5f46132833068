package xdp

import (
	"log/slog"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A releasing is a member of the groups of a scope whose flows are released.
type releasing struct {
	salt uint64 // of the groups
	slot selector.Slot
}

// releases are those in force. They never change: Release makes others.
type releases map[releasing]plane.Released

// releasedNow returns the releases in force; nil if there are none.
func (f *flows) releasedNow() releases {
	if r := f.released.Load(); r != nil {
		return *r
	}
	return nil
}

// Release implements [plane.Flows]. The program learns it by the tables of the
// groups, where a member that loses all flows is as good as gone.
func (f *flows) Release(v *selector.View, member int32, which plane.Released) {
	f.mu.Lock()
	next := make(releases)
	for of, which := range f.releasedNow() {
		next[of] = which
	}
	of := releasing{v.Salt(), v.Slot(member)}
	if next[of] = which; which == plane.Kept {
		delete(next, of)
	}
	f.released.Store(&next)
	f.mu.Unlock()
	if err := f.changed(); err != nil {
		slog.Warn("XDP program does not know of the end of a drain yet", "member", v.Member(member).ID, "error", err)
	}
}

// endReleases forgets those of members that take new flows, or that left.
func (f *flows) endReleases(services []plane.Service) {
	if len(f.releasedNow()) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	next := make(releases)
	for _, s := range services {
		v := s.Group.Load().View()
		for i := range v.All() {
			of := releasing{v.Salt(), v.Slot(i)}
			if which, ok := f.releasedNow()[of]; ok && v.Drained(i) {
				next[of] = which
			}
		}
	}
	f.released.Store(&next)
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
	switch which := releases[releasing{v.Salt(), v.Slot(i)}]; {
	case which == plane.Everything:
		return hopGone
	case which == plane.Connectionless && s == hopDrained:
		return hopReleasing
	}
	return s
}

// over returns the slots whose pins are of no use any more: of members that lose
// all their flows, and are in no other group, which a pin does not tell.
func (f *flows) over() map[selector.Slot]bool {
	slots := make(map[selector.Slot]bool)
	for of, which := range f.releasedNow() {
		if which == plane.Everything && f.pool().Groups(uint16(of.slot)) == 1 {
			slots[of.slot] = true
		}
	}
	return slots
}
