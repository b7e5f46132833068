package flowcache

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// A ReleaseConfig says how a drain ends.
type ReleaseConfig struct {
	// Deadline is how long after the call no flow stays. With 0, or less, all
	// move at once, at any rate: to keep every flow until some time, call
	// Release then with 0.
	Deadline time.Duration

	// Rate is how many flows a second may move before the deadline; 0: any.
	Rate int
}

// Release ends the drain of a member in one group: flows whose packets come
// through it go where the selector says, each Moved once, with their next
// packet. In the first half of the time until the deadline, those move that
// were silent for a tenth of it; in the third quarter also those without a
// connection, such as of UDP; in the last quarter all, at the given rate; and
// after the deadline whatever is left. Other groups of its scope have releases
// of their own.
//
// After the deadline, Sweep voids the pins of silent flows within a pass, and
// Save writes them as void: [Table.Pins] falls to 0, and a restart brings none
// back. That is so if no other group has the member, since a pin does not tell
// its group; else the pin of a silent flow stays until its next packet comes,
// or until it expires.
//
// Weigh the member with zero before. A release ends when Sweep finds that the
// member takes new flows again or left the group; another one takes its place.
// Save writes no releases: after a restart, call Release again with what is
// left of the time.
//
// Release does nothing for a member without a slot, nor with a view of another
// domain than that of the table.
func (t *Table) Release(v *selector.View, member int32, c ReleaseConfig, now time.Duration) {
	slot := v.Slot(member)
	if slot == selector.NoSlot || v.Domain() != t.config.Domain {
		return
	}
	t.releasing.Lock()
	defer t.releasing.Unlock()
	list := t.releases.Load().flowsOf()
	list[releaseKey{v.Name(), v.Salt(), slot}] = &release{view: v, start: now, length: max(c.Deadline, 0),
		rate: int64(c.Rate)}
	t.setReleases(list)
}

// releases are those that are in force. They never change, but for the counts
// of moves.
type releases struct {
	slots  slots.Set
	list   map[releaseKey]*release
	bySlot map[selector.Slot][]*release
}

// A releaseKey is a member of a group: no other group of a scope that has
// members has its name.
type releaseKey struct {
	group string
	salt  uint64 // of the group's scope
	slot  selector.Slot
}

type release struct {
	view          *selector.View // any of the group
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

// of returns the release of a slot in the group of a view, nil if there is
// none.
func (r *releases) of(v *selector.View, slot selector.Slot) *release {
	if !r.has(slot) {
		return nil
	}
	return r.list[releaseKey{v.Name(), v.Salt(), slot}]
}

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
	next := &releases{list: list, bySlot: make(map[selector.Slot][]*release)}
	for k, f := range list {
		next.slots.Add(uint16(k.slot))
		next.bySlot[k.slot] = append(next.bySlot[k.slot], f)
	}
	t.releases.Store(next)
}

// endReleases drops the releases of members that left their group, and of those
// that take new flows again.
func (t *Table) endReleases() {
	if t.releases.Load() == nil {
		return
	}
	t.releasing.Lock()
	defer t.releasing.Unlock()
	list := t.releases.Load().flowsOf()
	n := len(list)
	maps.DeleteFunc(list, func(k releaseKey, f *release) bool {
		newest := f.view.Newest(slots.Insider{})
		i, has := newest.BySlot(k.slot)
		return !has || !newest.Drained(i)
	})
	if len(list) < n {
		t.setReleases(list)
	}
}

// over reports whether a pin of this slot, read before, is one that a release
// has no more time for. A pin does not tell its group, so it is known only
// where the member is in no other.
func (t *Table) over(r *releases, slot selector.Slot, now time.Duration) bool {
	return r.has(slot) && slices.ContainsFunc(r.bySlot[slot], func(f *release) bool {
		return now-f.start >= f.length && t.onlyDrained(f.view, slot)
	})
}

// onlyDrained reports whether the slot's member is drained in the group of v,
// and in no other group. If the newest view is the same before and after the
// groups with the member are counted, its group was among them. So if one was
// counted, no other group had the member.
func (t *Table) onlyDrained(v *selector.View, slot selector.Slot) bool {
	newest := v.Newest(slots.Insider{})
	i, ok := newest.BySlot(slot)
	return ok && newest.Drained(i) && t.slots.Groups(uint16(slot)) == 1 && v.Newest(slots.Insider{}) == newest
}

// voidReleased voids the pins of a bucket that a release has no more time for.
func (t *Table) voidReleased(r *releases, b *bucket, now time.Duration) {
	for i := range b {
		w := word(b[i].Load())
		if w != 0 && t.over(r, w.slot(), now) && b[i].CompareAndSwap(uint64(w), uint64(w.withSlot(selector.NoSlot))) {
			t.counters[voided].Add(1)
		}
	}
}

// release moves a flow whose member has release f, if it is its turn. done is
// false if it stays; ok is false if another worker changed the pin meanwhile.
func (s *Sticky) release(f *release, p *Packet, v *selector.View, at *atomic.Uint64, w word, member int32) (r Route,
	done, ok bool) {
	if !v.Drained(member) {
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
	switch {
	case s.silence(w) >= f.length/10:
	case elapsed >= f.length/4*3:
	case elapsed < f.length/2 || p.Flags != 0:
		return false
	}
	return f.rate == 0 || f.moved.Load() < int64(float64(f.rate)*elapsed.Seconds())
}
