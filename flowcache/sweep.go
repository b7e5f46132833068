package flowcache

import "github.com/ecmp-go/ecmp/selector"

// sweepState is where Sweep is, and what it has to tell the domain.
type sweepState struct {
	cursor int
	passes uint64

	// Slots that were quarantined before epoch, which began at time since, may
	// leave once that is longer ago than the longest timeout; waiting is false
	// while no epoch has begun. What leaves before a pass begins, which is epoch
	// pass, is free when that ends.
	waiting     bool
	epoch, pass uint64
	since       int64
}

// Sweep looks at the next buckets of the table, in turn: it removes expired
// pins, and voids those whose member left, which keeps their flows known as
// moved until their timeout. It returns how many passes over the whole table
// are complete. A pass is due every 384 ticks at the latest; passes also tell
// the domain which slots of members that left can be given again.
//
// Without sweeps nothing else goes wrong until the domain has given its 65,535
// slots: then members that join get none, and their flows are not pinned.
//
// Sweep is safe for concurrent use with everything; two sweeps wait for each
// other. It takes tens of nanoseconds a bucket, full or empty.
func (t *Table) Sweep(now int64, buckets int) (passes uint64) {
	t.sweepMu.Lock()
	defer t.sweepMu.Unlock()
	s := &t.sweep
	tick := t.clocks.tickAt(now)
	for range buckets {
		if s.cursor == 0 {
			t.beginPass(now)
		}
		if b := &t.buckets[s.cursor]; t.due(b, tick) {
			t.sweepBucket(b, tick)
		}
		if s.cursor++; s.cursor == len(t.buckets) {
			s.cursor = 0
			t.endPass()
		}
	}
	return s.passes
}

// Buckets returns the number of buckets, which is what a full pass of Sweep
// takes.
func (t *Table) Buckets() int { return len(t.buckets) }

func (t *Table) beginPass(now int64) {
	s := &t.sweep
	if s.waiting && now-s.since > t.clocks.longest() {
		t.registered.Aged(s.epoch)
		s.waiting = false
	}
	s.pass = t.registered.Epoch()
	if !s.waiting {
		s.waiting, s.epoch, s.since = true, s.pass, now
	}
}

func (t *Table) endPass() {
	s := &t.sweep
	s.passes++
	t.registered.Swept(s.pass)
}

// due reports whether a bucket may hold a pin that is expired or void. Most
// don't, and no branch depends on which they are.
func (t *Table) due(b *bucket, now uint32) bool {
	bad := uint32(0)
	for i := range b {
		w := word(b[i].Load())
		left := t.clocks.limit[w.state()] - w.agePlus(now) // negative, its highest bit 1: expired
		if !t.slots.Held(uint16(w.slot())) {
			left = 1 << 31
		}
		if w == 0 {
			left = 0
		}
		bad |= left
	}
	return bad>>31 != 0
}

func (t *Table) sweepBucket(b *bucket, now uint32) {
	for i := range b {
		w := word(b[i].Load())
		switch {
		case w == 0:
		case t.clocks.expired(w, now):
			if b[i].CompareAndSwap(uint64(w), 0) {
				t.counters[expired].Add(1)
			}
		case w.slot() != selector.NoSlot && !t.slots.Held(uint16(w.slot())):
			if b[i].CompareAndSwap(uint64(w), uint64(w.withSlot(selector.NoSlot))) {
				t.counters[voided].Add(1)
			}
		}
	}
}
