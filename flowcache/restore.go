package flowcache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
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

// A saved table, verified: its form is described at Save.
type saved struct {
	units   [States]time.Duration
	classes []string
	pins    []byte // bucket after bucket
	owners  map[uint16]slots.Key
	next    [bucketSize]word
}

// readSaved reads a stream to its end. It gives up early on one that is
// foreign, or longer than one of this table can be.
func (t *Table) readSaved(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(headerSize)))
	if err != nil {
		return nil, err
	}
	if err := checkVersion(&savedReader{data: data}); err != nil {
		return nil, err
	}
	longest := len(t.buckets)*(1+8*bucketSize) + 2*maxOwners + crcSize
	rest, err := io.ReadAll(io.LimitReader(r, int64(longest)+1))
	if err != nil {
		return nil, err
	}
	if len(rest) > longest {
		return nil, &RestoreError{Err: ErrSize, Offset: headerSize + longest, Got: uint64(len(rest)),
			Want: uint64(longest)}
	}
	return append(data, rest...), nil
}

func checkVersion(r *savedReader) error {
	if magic := r.take(len(saveMagic)); string(magic) != saveMagic {
		return &RestoreError{Err: ErrForeign}
	}
	if version := r.uint32(); version != saveVersion {
		return &RestoreError{Err: ErrForeign, Offset: len(saveMagic), Got: uint64(version), Want: saveVersion}
	}
	return nil
}

// parse verifies a stream from the first byte to the last.
func (t *Table) parse(data []byte, check uint64) (*saved, error) {
	r := savedReader{data: data}
	if err := checkVersion(&r); err != nil {
		return nil, err
	}
	if err := r.checkSum(); err != nil {
		return nil, err
	}
	if n := r.uint32(); int(n) != len(t.buckets) {
		return nil, &RestoreError{Err: ErrSize, Offset: r.at - 4, Got: uint64(n), Want: uint64(len(t.buckets))}
	}
	if c := r.uint64(); c != check {
		return nil, &RestoreError{Err: ErrCheck, Offset: r.at - 8, Got: c, Want: check}
	}
	s := new(saved)
	for i := range s.units {
		s.units[i] = time.Duration(r.uint64())
		if s.units[i] <= 0 || s.units[i] > 1<<63/tickWrap-1 {
			return nil, r.damaged()
		}
	}
	for n := r.uint32(); n > 0 && !r.short; n-- {
		s.classes = append(s.classes, string(r.take(int(r.uint32()))))
	}
	start := r.at
	for range t.buckets {
		n := int(r.uint8())
		if n > bucketSize {
			return nil, r.damaged()
		}
		for range n {
			if r.uint64()>>tagShift == 0 {
				return nil, r.damaged()
			}
		}
	}
	s.pins = data[start:r.at]
	s.owners = r.owners()
	if r.short || r.at != len(data)-crcSize {
		return nil, r.damaged()
	}
	return s, nil
}

// bucket returns the pins of the next bucket, until the next call.
func (s *saved) bucket() []word {
	n := int(s.pins[0])
	for i := range n {
		s.next[i] = word(binary.LittleEndian.Uint64(s.pins[1+8*i:]))
	}
	s.pins = s.pins[1+8*n:]
	return s.next[:n]
}

// A savedReader reads on; past the end it yields zeros and sets short.
type savedReader struct {
	data  []byte
	at    int
	short bool
}

func (r *savedReader) take(n int) []byte {
	if r.short || n < 0 || n > len(r.data)-r.at {
		r.short = true
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *savedReader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *savedReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *savedReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *savedReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *savedReader) owners() map[uint16]slots.Key {
	owners := make(map[uint16]slots.Key)
	for n := r.uint32(); n > 0 && !r.short; n-- {
		slot := r.uint16()
		incarnation := r.uint64()
		owners[slot] = slots.Key{ID: string(r.take(int(r.uint32()))), Incarnation: incarnation}
	}
	return owners
}

// checkSum verifies the CRC at the end of the stream.
func (r *savedReader) checkSum() error {
	end := len(r.data) - crcSize
	if end < headerSize {
		return &RestoreError{Err: ErrDamaged, Offset: len(r.data), Got: uint64(len(r.data)),
			Want: uint64(headerSize + crcSize)}
	}
	got := crc32.Checksum(r.data[:end], crc32.MakeTable(crc32.Castagnoli))
	if want := binary.LittleEndian.Uint32(r.data[end:]); got != want {
		return &RestoreError{Err: ErrDamaged, Offset: end, Got: uint64(got), Want: uint64(want)}
	}
	return nil
}

func (r *savedReader) damaged() error {
	return &RestoreError{Err: ErrDamaged, Offset: r.at, Got: uint64(r.at), Want: uint64(len(r.data))}
}
