package flowcache

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// What can be wrong with a saved table, to be matched by errors.Is. The error
// itself is a [*SnapshotError].
var (
	ErrForeign = errors.New("not a saved flow table of a version known here")
	ErrDamaged = errors.New("damaged or cut short")
	ErrSize    = errors.New("saved from a table of another size")
	ErrCheck   = errors.New("the check value differs: digests mean other flows")
)

// A SnapshotError says what is wrong with a saved table.
type SnapshotError struct {
	Err    error // one of the errors above
	Offset int   // where in the stream
	// the number there and the one expected: a version, a CRC, buckets, a check
	// value
	Got, Want uint64
}

func (e *SnapshotError) Error() string {
	if e.Got == e.Want {
		return fmt.Sprintf("flowcache: restore: %v: at byte %d", e.Err, e.Offset)
	}
	return fmt.Sprintf("flowcache: restore: %v: at byte %d: got %#x, want %#x", e.Err, e.Offset, e.Got, e.Want)
}

// Unwrap returns e.Err.
func (e *SnapshotError) Unwrap() error { return e.Err }

// Restore reads what Save wrote, to the end of r, and adds its pins to the
// table as of time now, each as old as it was then. It needs a table of the
// same Flows and the same check value. Slots and clocks may differ: a pin finds
// its member by the names of the group and the member among the views. One that
// does not is restored as that of a member that left, so that its flow is
// reported as Moved. A flow that has a pin already keeps that; one that is
// pinned by a worker at the same moment keeps either, so restore before the
// workers start where that matters.
//
// The stream is verified whole before anything is applied. The error is a
// [*SnapshotError] or that of r, and the table is then unchanged. Restore needs
// memory for the whole stream, of which it reads no more than a table of this
// size can have written.
func (t *Table) Restore(r io.Reader, check uint64, now int64, views ...*selector.View) error {
	data, err := t.readSaved(r)
	if err != nil {
		return err
	}
	s, err := t.parse(data, check)
	if err != nil {
		return err
	}
	slots := currentSlots(s.owners, views)
	tick, worker := t.clocks.tickAt(now), NewSticky(t)
	defer t.counters.add(&worker.tally)
	for b := range t.buckets {
		pins := s.bucket()
		for _, w := range pins {
			t.buckets[t.away(w.tag(), b)][0].Load() // so that the cache misses of a bucket overlap
		}
		for _, w := range pins {
			worker.restorePin(b, w, s.tick, slots[w.slot()], tick)
		}
	}
	return nil
}

// currentSlots maps the slots of a stream to those that the same members have
// in the views, NoSlot if none.
func currentSlots(owners map[uint16]slotName, views []*selector.View) *[1 << 16]uint16 {
	now := make(map[slotName]uint16)
	for _, v := range views {
		for i, m := range v.All() {
			now[slotName{v.Name(), m.ID}] = v.Slot(i)
		}
	}
	slots := new([1 << 16]uint16)
	for old, name := range owners {
		slots[old] = now[name]
	}
	return slots
}

// restorePin puts a pin, in which the age stands in place of the tick, into
// bucket b, or into the other one of its flow.
func (s *Sticky) restorePin(b int, w word, tickThen time.Duration, slot uint16, now uint32) {
	t := s.table
	age := t.config.ticks(time.Duration(w.tick()) * tickThen)
	if age > int64(t.clocks.life[w.state()]) {
		return
	}
	for _, bucket := range [2]int{b, t.away(w.tag(), b)} {
		at, has := t.buckets[bucket].find(w.tag())
		if has == 0 || t.clocks.expired(has, now) && at.CompareAndSwap(uint64(has), 0) {
			continue
		}
		return
	}
	s.insert(b, newWord(w.tag(), slot, now-uint32(age), w.state()), now)
}
