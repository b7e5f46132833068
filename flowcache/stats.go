package flowcache

import (
	"iter"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// An event is something that Stats counts.
type event uint8

const (
	inserted event = iota
	refused
	reused
	evicted
	relocated
	promoted
	moved
	detoured
	rebalanced
	foreign
	voided
	expired
	events
)

// counters are those of a table.
type counters [events]atomic.Uint64

// A tally is what a worker has counted and not yet added to the counters of the
// table, which all workers write to.
type tally [events]uint32

func (c *counters) add(t *tally) {
	for e, n := range t {
		if n != 0 {
			c[e].Add(uint64(n))
			t[e] = 0
		}
	}
}

// Stats counts what happened in a table since it was made. What a packet met is
// its Verdict; these are the events behind.
type Stats struct {
	// flows pinned: new ones, those whose pin had expired, and connections
	// begun anew
	Inserted uint64
	// flows not pinned, since their buckets held only flows that may not be
	// pushed out
	Refused   uint64
	Reused    uint64 // pins put in the place of one that had expired or whose member had left
	Evicted   uint64 // inserts that took the place of a pin on probation
	Relocated uint64 // pins that went to their other bucket, to make room for an insert
	// pins that left probation, or were adopted and met again: of flows that
	// moved too, so it may exceed Inserted
	Promoted uint64
	// pins given up since their member left or was released, or was down for
	// longer than the grace
	Moved uint64
	// packets of pinned flows, LookupOnly ones too, that found their member
	// down, also where nobody was up, whose verdict is NoMember
	Detoured   uint64
	Rebalanced uint64 // pins moved as Rebalance or a change of group allowed
	Foreign    uint64 // packets whose view is of another domain than the table
	Voided     uint64 // pins found by Sweep whose member had left, or was released
	Expired    uint64 // pins removed by Sweep
	// in the table, as the last complete pass of Sweep found, which takes up to
	// a minute; 0 before the first. A gauge: Table.All counts now
	Pins int
}

// Stats returns the counters, read one after another while workers go on. A
// burst is counted when it has been routed.
func (t *Table) Stats() Stats {
	c := &t.counters
	return Stats{
		Inserted:   c[inserted].Load(),
		Refused:    c[refused].Load(),
		Reused:     c[reused].Load(),
		Evicted:    c[evicted].Load(),
		Relocated:  c[relocated].Load(),
		Promoted:   c[promoted].Load(),
		Moved:      c[moved].Load(),
		Detoured:   c[detoured].Load(),
		Rebalanced: c[rebalanced].Load(),
		Foreign:    c[foreign].Load(),
		Voided:     c[voided].Load(),
		Expired:    c[expired].Load(),
		Pins:       int(t.pins.Load()),
	}
}

// A Pin is what a table knows of a flow: not which flow that is, but where
// another table of the same [Layout] has it.
type Pin struct {
	Key   Key
	Slot  selector.Slot // of its member; selector.NoSlot if that left
	State State
	Age   time.Duration // since the pin was made or refreshed, in whole units of its state
}

// All yields the pins that have not expired at time now, in no order that means
// anything, while workers go on: a pin that is moved to its other bucket
// meanwhile may be yielded twice or not at all.
func (t *Table) All(now time.Duration) iter.Seq[Pin] {
	return func(yield func(Pin) bool) {
		m := t.clocks.moment(t.clocks.tickAt(now))
		for b := range t.buckets {
			for i := range t.buckets[b] {
				w := word(t.buckets[b][i].Load())
				if w == 0 || t.clocks.expired(w, &m) {
					continue
				}
				age := time.Duration(t.clocks.age(w, &m)) * t.clocks.unit(w.state())
				if !yield(Pin{Key{w.tag(), uint32(b)}, w.slot(), w.state(), age}) {
					return
				}
			}
		}
	}
}

// Pins returns how many pins name the slot, expired ones that were not swept
// yet included: the flows that a draining member still has, say. It reads the
// whole table. For the pins of several slots, see [Table.PinsBySlot].
func (t *Table) Pins(slot selector.Slot) int {
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

// PinsBySlot returns how many pins that have not expired at time now name each
// slot that has any: the flows of each member, by View.Slot. It reads the whole
// table once. Void pins, of members that left, are left out.
func (t *Table) PinsBySlot(now time.Duration) map[selector.Slot]int {
	m := t.clocks.moment(t.clocks.tickAt(now))
	counts := make([]int, maxSlot+1)
	for b := range t.buckets {
		for i := range t.buckets[b] {
			if w := word(t.buckets[b][i].Load()); w != 0 && !t.clocks.expired(w, &m) {
				counts[w.slot()&maxSlot]++
			}
		}
	}
	pins := make(map[selector.Slot]int)
	for slot, n := range counts {
		if n > 0 && selector.Slot(slot) != selector.NoSlot {
			pins[selector.Slot(slot)] = n
		}
	}
	return pins
}
