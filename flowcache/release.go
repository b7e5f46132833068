package flowcache

import (
	"maps"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// A ReleaseConfig says how a drain ends.
type ReleaseConfig struct {
	// Deadline is how long after the call no flow stays.
	Deadline time.Duration

	// Rate is how many flows a second may move before the deadline; 0: any.
	Rate int
}

// Release ends the drain of a member in one group: its flows go where the
// selector says, each Moved once, with their next packet. In the first half of
// the time until the deadline, those move that were silent for a tenth of it;
// in the third quarter also those without a connection, such as of UDP; in the
// last quarter all, at the given rate; and after the deadline whatever is left.
//
// Weigh the member with zero before. A release ends when the member takes new
// flows again, or leaves all groups; another one takes its place.
func (t *Table) Release(v *selector.View, member int32, c ReleaseConfig, now time.Duration) {
	slot := v.Slot(member)
	if slot == selector.NoSlot {
		return
	}
	t.releasing.Lock()
	defer t.releasing.Unlock()
	list := t.releases.Load().flowsOf()
	list[releaseKey{v.Salt(), slot}] = &release{start: now, length: max(c.Deadline, 0), rate: int64(c.Rate)}
	t.setReleases(list)
}

// releases are those that are in force. They never change, but for the counts
// of moves.
type releases struct {
	slots slots.Set
	list  map[releaseKey]*release
}

type releaseKey struct {
	salt uint64 // of the group
	slot selector.Slot
}

type release struct {
	start, length time.Duration
	rate          int64
	moved         atomic.Int64
}

// flowsOf returns a copy of the list.
func (r *releases) flowsOf() map[releaseKey]*release {
	if r == nil {
		return make(map[releaseKey]*release)
	}
	return maps.Clone(r.list)
}

// has reports whether flows of the slot are released in some group.
func (r *releases) has(slot selector.Slot) bool { return r != nil && r.slots.Has(uint16(slot)) }

// among returns the set of those packets of a burst whose pin, as match found
// it, has a slot that is released in some group.
func (r *releases) among(found []uint64, p []Packet) (set uint64) {
	for i, x := range found {
		if r.has(word(x ^ p[i].Digest).slot()) {
			set |= 1 << (uint(i) % wide)
		}
	}
	return set
}

// setReleases puts a list in force. The caller holds t.releasing.
func (t *Table) setReleases(list map[releaseKey]*release) {
	if len(list) == 0 {
		t.releases.Store(nil)
		return
	}
	next := &releases{list: list}
	for k := range list {
		next.slots.Add(uint16(k.slot))
	}
	t.releases.Store(next)
}

// endReleases drops the releases of members that left all groups.
func (t *Table) endReleases() {
	t.releasing.Lock()
	defer t.releasing.Unlock()
	if t.releases.Load() == nil {
		return
	}
	list := t.releases.Load().flowsOf()
	maps.DeleteFunc(list, func(k releaseKey, _ *release) bool { return !t.slots.InUse(uint16(k.slot)) })
	t.setReleases(list)
}

// release moves a flow of a member that is released, if it is its turn. done is
// false if it stays; ok is false if another worker changed the pin meanwhile.
func (s *Sticky) release(p *Packet, v *selector.View, at *atomic.Uint64, w word, member int32) (r Route, done, ok bool) {
	f := s.table.releases.Load().list[releaseKey{v.Salt(), w.slot()}]
	if f == nil || !v.Drained(member) {
		return Route{}, false, true
	}
	elapsed := s.time - f.start
	switch {
	case elapsed >= f.length && p.Mode == LookupOnly:
		return p.selected(v, Unpinned), true, true
	case elapsed >= f.length:
	case p.Mode == LookupOnly, !s.turn(f, p, w, elapsed):
		return Route{}, false, true
	}
	r, ok = s.repin(p, v, at, w, Moved)
	if ok && r.Verdict == Moved {
		f.moved.Add(1)
	}
	return r, true, ok
}

// turn reports whether a flow may move now.
func (s *Sticky) turn(f *release, p *Packet, w word, elapsed time.Duration) bool {
	k := &s.table.clocks
	silence := time.Duration(int64(k.age(w, &s.now))-int64(k.lag(w.state()))) * k.unit(w.state())
	switch {
	case silence >= f.length/10:
	case elapsed >= f.length/4*3:
	case elapsed < f.length/2 || p.Flags != 0:
		return false
	}
	return f.rate == 0 || f.moved.Load() < int64(float64(f.rate)*elapsed.Seconds())
}
