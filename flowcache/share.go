package flowcache

import (
	"encoding/binary"
	"errors"
	"time"
)

// A Layout is what tables that share pins must have in common. It is
// comparable.
type Layout struct {
	Buckets int
	Form    int // of words and keys
}

// Layout returns the layout of the table.
func (t *Table) Layout() Layout { return Layout{Buckets: len(t.buckets), Form: saveVersion} }

// Layout returns the layout of a table of this configuration.
func (c Config) Layout() Layout {
	return Layout{Buckets: bucketsFor(max(1, c.Flows)), Form: saveVersion}
}

// A Key tells a pin from others of its table: the part of the digest that a
// word keeps, and a bucket. It is comparable.
type Key struct {
	tag    uint64
	bucket uint32
}

// valid reports whether a pin can have the key.
func (k Key) valid() bool { return k.tag != 0 && k.tag>>(64-tagShift) == 0 }

// KeyOf returns the key of the pin that a flow with this digest has or would
// have.
func (t *Table) KeyOf(digest uint64) Key { return Key{tagOf(digest), uint32(t.home(digest))} }

// Canonical returns the key that stands for both of those that the pin of a flow
// may have, since it is in either of two buckets. Keys that tables of one Layout
// give for different flows have different ones, but for the flows that a table
// can't tell apart.
func (t *Table) Canonical(k Key) Key {
	if k.valid() && t.hasBucket(k.bucket) {
		k.bucket = min(k.bucket, uint32(t.away(k.tag, int(k.bucket))))
	}
	return k
}

// Unit returns the resolution of the age of a pin in this state: Config.Tick or
// a power of two times as long.
func (t *Table) Unit(s State) time.Duration { return t.clocks.unit(s & stateMask) }

// Timeout returns how long a pin in this state lives without a packet; that of
// no class is Established's.
func (t *Table) Timeout(s State) time.Duration { return t.config.timeout(s & stateMask) }

// Lease returns a quarter of the timeout of a state, and by how much a pin may
// be older than the last packet of its flow. A pin in this state that is no
// older may have had a packet here, and one that Import established is older
// until it has one.
func (t *Table) Lease(s State) time.Duration {
	return time.Duration(t.clocks.lease(s&stateMask)) * t.Unit(s)
}

// Bucket returns the bucket that the pin was found in.
func (k Key) Bucket() int { return int(k.bucket) }

const keySize = 12

// AppendBinary implements encoding.BinaryAppender. It never fails.
func (k Key) AppendBinary(b []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(b, k.tag), k.bucket), nil
}

// MarshalBinary implements encoding.BinaryMarshaler. It never fails.
func (k Key) MarshalBinary() ([]byte, error) { return k.AppendBinary(make([]byte, 0, keySize)) }

// ErrKey is the error of Key.UnmarshalBinary.
var ErrKey = errors.New("flowcache: not a key of a pin")

// UnmarshalBinary implements encoding.BinaryUnmarshaler. The error is ErrKey.
func (k *Key) UnmarshalBinary(b []byte) error {
	if len(b) != keySize {
		return ErrKey
	}
	got := Key{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])}
	if !got.valid() {
		return ErrKey
	}
	*k = got
	return nil
}

// Imported counts what Import did with pins.
type Imported struct {
	Added   int // of flows that had no pin here
	Renewed int // to the member that the flow has here: the pin lives longer now
	Moved   int // to another member than the flow had here
	Kept    int // that changed nothing: the pin here lives longer, or was used
	Expired int
	Unknown int // of a slot that is nobody's, or a key that no pin here can have
	Refused int // for which there was no room
}

// Import takes over pins from a table of the same Layout; their slots are those
// of this domain. An import never moves a flow whose packets were seen here
// within a quarter of its timeout, and takes no place from a live pin:
//
//   - A flow without a live pin gets the imported one.
//   - Of two pins to one member the one that lives longer stays.
//   - Of two pins to different members, the one here stays if a packet
//     refreshed it within a quarter of its timeout, else the younger one, else
//     the one here.
//
// An established pin counts as not seen here until a packet comes: it is made
// as old as a quarter of its timeout at least.
func (s *Sticky) Import(pins []Pin, now time.Duration) (done Imported) {
	s.at(now)
	defer s.table.counters.add(&s.tally)
	for len(pins) > 0 {
		n := min(wide, len(pins))
		s.fetch(pins[:n])
		for i := range pins[:n] {
			for !s.importPin(&pins[i], &done) {
			}
		}
		pins = pins[n:]
	}
	return done
}

// fetch brings the buckets of up to wide pins into the cache, in steps as burst
// does. Most pins that are here already are in the bucket that the sender has
// them in: the away buckets of these are not asked for.
func (s *Sticky) fetch(pins []Pin) {
	t := s.table
	for i := range pins {
		b := min(uint(pins[i].Key.bucket), uint(len(t.buckets)-1))
		s.buckets[uint(i)%wide] = &t.buckets[b]
	}
	prefetch(s.buckets[:len(pins)])
	n := 0
	for i := range pins {
		if k := &pins[i].Key; t.hasBucket(k.bucket) && s.buckets[uint(i)%wide].match(k.tag) == 0 {
			s.buckets[uint(n)%wide] = &t.buckets[t.away(k.tag, int(k.bucket))]
			n++
		}
	}
	prefetch(s.buckets[:n])
}

// hasBucket reports whether the table has the bucket. An int may have 32 bits.
func (t *Table) hasBucket(b uint32) bool { return uint64(b) < uint64(len(t.buckets)) }

// importPin takes over one pin; ok is false if another worker changed the pin
// here meanwhile.
func (s *Sticky) importPin(p *Pin, done *Imported) (ok bool) {
	t, k := s.table, &s.table.clocks
	if !p.Key.valid() || !t.hasBucket(p.Key.bucket) || p.Slot > maxSlot || !t.slots.InUse(uint16(p.Slot)) {
		done.Unknown++
		return true
	}
	state, home := p.State&stateMask, int(p.Key.bucket)
	age := units(max(p.Age, 0), k.unit(state))
	at, has := t.findIn(p.Key.tag, home)
	void := has == 0 || k.expired(has, &s.now) || !t.slots.InUse(uint16(has.slot()))
	elapsed := func(w word) time.Duration { return time.Duration(k.age(w, &s.now)) * k.unit(w.state()) }
	younger := has != 0 && time.Duration(age)*k.unit(state) < elapsed(has)
	if state >= Established {
		age = max(age, int64(k.lease(state))+1)
	}
	if age > int64(k.life[state]) {
		done.Expired++
		return true
	}
	next := wordOf(p.Key.tag, p.Slot, s.now[state]-uint32(age), state)
	left := func(w word) time.Duration {
		return time.Duration(int64(k.life[w.state()])-int64(k.age(w, &s.now))) * k.unit(w.state())
	}
	switch {
	case has == 0:
		switch ok, lost := s.insertUpTo(home, next, dead); {
		case lost: // to a pin that is compared with this one now
			return false
		case ok:
			done.Added++
		default:
			done.Refused++
		}
		return true
	case void:
		done.Added++
	case has.slot() == p.Slot && left(next) > left(has):
		done.Renewed++
	case has.slot() == p.Slot, k.age(has, &s.now) <= k.lease(has.state()), !younger:
		done.Kept++
		return true
	default:
		done.Moved++
	}
	if at.CompareAndSwap(uint64(has), uint64(next)) {
		return true
	}
	switch { // it is counted again
	case void:
		done.Added--
	case has.slot() == p.Slot:
		done.Renewed--
	default:
		done.Moved--
	}
	return false
}
