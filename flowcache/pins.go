package flowcache

import (
	"iter"
	"time"
)

// A Pin is what a table knows of a flow. It can't be told which flow that is.
type Pin struct {
	Slot  uint16 // of its member; selector.NoSlot if that left
	State State
	Age   time.Duration // since the pin was made or refreshed, in whole ticks
}

// All yields the pins that have not expired at time now, in no order that means
// anything, while workers go on: a pin that is moved to its other bucket
// meanwhile may be yielded twice or not at all.
func (t *Table) All(now int64) iter.Seq[Pin] {
	return func(yield func(Pin) bool) {
		tick := t.clocks.tickAt(now)
		for b := range t.buckets {
			for i := range t.buckets[b] {
				w := word(t.buckets[b][i].Load())
				if w == 0 || t.clocks.expired(w, tick) {
					continue
				}
				if !yield(Pin{w.slot(), w.state(), time.Duration(w.age(tick)) * t.config.Tick}) {
					return
				}
			}
		}
	}
}

// Pins returns how many pins name the slot, expired ones that were not swept
// yet included: the flows that a draining member still has, say. It reads the
// whole table.
func (t *Table) Pins(slot uint16) int {
	n := 0
	for b := range t.buckets {
		for i := range t.buckets[b] {
			if w := word(t.buckets[b][i].Load()); w != 0 && w.slot() == slot {
				n++
			}
		}
	}
	return n
}
