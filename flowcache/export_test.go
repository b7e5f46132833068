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
