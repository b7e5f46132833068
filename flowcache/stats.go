package flowcache

import "sync/atomic"

type counters struct {
	inserted, refused, promoted, moved, detoured, voided, expired atomic.Uint64

	tookOver [occupied]atomic.Uint64 // by class of the word before
}

// Stats counts what happened in a table since it was made. What a packet met is its Verdict; these are the events behind.
type Stats struct {
	Inserted uint64 // flows pinned that had no pin
	Refused  uint64 // flows not pinned, since their buckets held only flows that may not be pushed out
	Reused   uint64 // inserts that took the place of a pin that had expired or whose member had left
	Evicted  uint64 // inserts that took the place of a pin on probation
	Promoted uint64 // pins that left probation
	Moved    uint64 // pins given up since their member left, or was down for longer than the grace
	Detoured uint64 // packets of pinned flows that went elsewhere while their member was down
	Voided   uint64 // pins found by Sweep whose member had left
	Expired  uint64 // pins removed by Sweep
}

// Stats returns the counters. They are read one after another while workers go on.
func (t *Table) Stats() Stats {
	c := &t.counters
	return Stats{
		Inserted: c.inserted.Load(),
		Refused:  c.refused.Load(),
		Reused:   c.tookOver[dead].Load(),
		Evicted:  c.tookOver[fresh].Load(),
		Promoted: c.promoted.Load(),
		Moved:    c.moved.Load(),
		Detoured: c.detoured.Load(),
		Voided:   c.voided.Load(),
		Expired:  c.expired.Load(),
	}
}
