package flowcache

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// What can be wrong with a saved table, to be matched by errors.Is. The error
// itself is a [*RestoreError].
var (
	ErrForeign = errors.New("not a saved flow table of a version known here")
	ErrDamaged = errors.New("damaged or cut short")
	ErrSize    = errors.New("saved from a table of another size")
	ErrCheck   = errors.New("the check value differs: digests mean other flows")
)

// A RestoreError says what is wrong with a saved table. With ErrSize the
// numbers are of buckets, see [Table.Buckets], or of bytes.
type RestoreError struct {
	Err    error // one of the errors above
	Offset int   // where in the stream
	// the number there and the one expected: a version, a CRC, buckets, a check
	// value
	Got, Want uint64
}

func (e *RestoreError) Error() string {
	if e.Got == e.Want {
		return fmt.Sprintf("flowcache: restore: %v: at byte %d", e.Err, e.Offset)
	}
	format := "flowcache: restore: %v: at byte %d: got %#x, want %#x"
	if errors.Is(e.Err, ErrSize) {
		format = "flowcache: restore: %v: at byte %d: got %d, want %d"
	}
	return fmt.Sprintf(format, e.Err, e.Offset, e.Got, e.Want)
}

// Unwrap returns e.Err.
func (e *RestoreError) Unwrap() error { return e.Err }

// Restored says what Restore did.
type Restored struct {
	Pins    int // added to the table
	Expired int // older than the timeouts of this table
	Kept    int // of flows that have a pin already, which they keep
	// for which the table had no room, or the domain no slot, and void ones, of
	// a member that had left or was released
	Refused int
	// pins of members that no group has now, and those members, by ID: their
	// flows wait for them for Config.RestoreGrace
	Waiting int
	Members []string
}

// Restore reads what Save wrote, to the end of r, and adds its pins to the
// table as of time now, each as old as it was then. It needs a table of the
// same Flows and the same check value: where a pin stands is part of what it
// says of its flow, so a table can't grow over a restart. Slots, clocks,
// timeouts and classes may differ: a pin finds its member by ID and
// incarnation, and its class by name. One of a class that this table does not
// have becomes Established.
//
// Members that no group has yet get their slots, and wait in quarantine. When
// they join with the same ID and incarnation, their flows go on. Until then,
// and for Config.RestoreGrace at most, packets of such flows are Detoured, not
// Moved.
//
// A flow that has a pin already keeps that; one that is pinned by a worker at
// the same moment keeps either, so restore before the workers start where that
// matters. A pin whose member is not known any more gives way.
//
// The stream is verified whole before anything is applied. The error is a
// [*RestoreError] or that of r, and the table is then unchanged. Restore needs
// memory for the whole stream, of which it reads no more than a table of this
// size can have written.
func (t *Table) Restore(r io.Reader, check uint64, now time.Duration) (Restored, error) {
	data, err := t.readSaved(r)
	if err != nil {
		return Restored{}, err
	}
	s, err := t.parse(data, check)
	if err != nil {
		return Restored{}, err
	}
	var done Restored
	slots := t.reserve(s, now, &done)
	worker := NewSticky(t)
	worker.at(now)
	defer t.counters.add(&worker.tally)
	for b := range t.buckets {
		pins := s.bucket()
		for _, w := range pins {
			t.buckets[t.away(w.tag(), b)][0].Load() // so that the cache misses of a bucket overlap
		}
		for _, w := range pins {
			worker.restorePin(b, w, s, slots[w.slot()], &done)
		}
	}
	return done, nil
}

// reserve maps the slots of a stream to those that the same members have in the
// domain, NoSlot if there is none.
func (t *Table) reserve(s *saved, now time.Duration, done *Restored) *[1 << 16]selector.Slot {
	t.awaited.until.Store(t.clocks.tickAt(now + t.config.RestoreGrace))
	current := new([1 << 16]selector.Slot)
	for old, member := range s.owners {
		slot := t.slots.Reserve(member)
		if slot != 0 && !t.slots.InUse(slot) {
			t.awaited.slots.Add(slot)
			done.Members = append(done.Members, member.ID)
		}
		current[old] = selector.Slot(slot)
	}
	slices.Sort(done.Members)
	return current
}

// awaited is the members that Restore has reserved slots for.
type awaited struct {
	until atomic.Int64 // tick
	slots slots.Set
}

// awaits reports whether flows of the slot wait for its member at this tick.
func (t *Table) awaits(slot selector.Slot, tick int64) bool {
	return t.awaited.slots.Has(uint16(slot)) && tick < t.awaited.until.Load() && t.slots.Held(uint16(slot))
}

// restorePin puts a pin, in which the age stands in place of the tick, into
// bucket b, or into the other one of its flow.
func (s *Sticky) restorePin(b int, w word, from *saved, slot selector.Slot, done *Restored) {
	t := s.table
	state := s.stateNow(w.state(), from)
	age := units(time.Duration(w.tick())*from.units[w.state()], t.clocks.unit(state))
	if age > int64(t.clocks.life[state]) {
		done.Expired++
		return
	}
	for _, bucket := range [2]int{b, t.away(w.tag(), b)} {
		at, has := t.buckets[bucket].find(w.tag())
		isVoid := has != 0 && (!t.slots.InUse(uint16(has.slot())) || t.clocks.expired(has, &s.now))
		if has == 0 || isVoid && at.CompareAndSwap(uint64(has), 0) {
			continue
		}
		done.Kept++
		return
	}
	next := wordOf(w.tag(), slot, s.now[state]-uint32(age), state)
	switch ok, _ := s.insert(b, next); {
	case !ok || slot == selector.NoSlot:
		done.Refused++
	default:
		done.Pins++
		if !t.slots.InUse(uint16(slot)) {
			done.Waiting++
		}
	}
}

// stateNow returns the state that a saved one is in this table.
func (s *Sticky) stateNow(state State, from *saved) State {
	i := int(state) - int(life.FirstClass)
	if i < 0 {
		return state
	}
	for now, c := range s.table.config.Classes {
		if i < len(from.classes) && from.classes[i] == c.Name {
			return State(int(life.FirstClass) + now)
		}
	}
	return Established
}
