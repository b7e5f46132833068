package flowcache

import "time"

// SweepBuckets sweeps the next buckets, however few or many are due.
func (t *Table) SweepBuckets(now time.Duration, n int) {
	t.sweepMu.Lock()
	defer t.sweepMu.Unlock()
	t.sweepBuckets(now, n)
}

// Passes returns how many passes Sweep has completed.
func (t *Table) Passes() int {
	t.sweepMu.Lock()
	defer t.sweepMu.Unlock()
	return t.sweep.passes
}

// PutPin writes a pin into the first place of its bucket.
func PutPin(t *Table, p Pin, now time.Duration) {
	m := t.clocks.moment(t.clocks.tickAt(now - p.Age))
	t.buckets[p.Key.bucket][0].Store(uint64(newWord(p.Key.tag, p.Slot, &m, p.State)))
}

// PinKeys returns the keys that a flow's pin may have.
func PinKeys(t *Table, digest uint64) [2]Key {
	k := t.KeyOf(digest)
	return [2]Key{k, {k.tag, uint32(t.away(k.tag, int(k.bucket)))}}
}

// PinOf returns the pin of a flow, that of no slot if it has none.
func PinOf(t *Table, digest uint64, now time.Duration) Pin {
	_, w := t.find(digest)
	m := t.clocks.moment(t.clocks.tickAt(now))
	if w == 0 || t.clocks.expired(w, &m) {
		return Pin{}
	}
	return Pin{Key: t.KeyOf(digest), Slot: w.slot(), State: w.state()}
}
