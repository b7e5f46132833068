package flowcache

import (
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// insert pins a flow that has no pin. ok is false if its buckets hold nothing
// but flows that may not be pushed out; the counters then say so. A pin that is
// to be adopted pushes nobody out: it goes on probation instead. Another worker
// may pin the same flow meanwhile: then the lower word wins, and lost is true
// if that is not w.
func (s *Sticky) insert(home int, w word) (ok, lost bool) {
	return s.insertUpTo(home, w, gone)
}

// insertUpTo is insert that takes no place of a class beyond most.
func (s *Sticky) insertUpTo(home int, w word, most class) (ok, lost bool) {
	t := s.table
	away := t.away(w.tag(), home)
	for moved := false; ; {
		at, old, class := t.room(home, away, w.tag(), &s.now)
		if class > dead && !moved {
			moved = true
			if s.makeRoom(home, away, w.tag(), class) {
				continue
			}
		}
		if class > most {
			s.tally[refused]++
			s.pressure.rise()
			return false, false
		}
		if class > dead && w.state() == Adopted {
			w = newWord(w.tag(), w.slot(), &s.now, Probation)
		}
		if !at.CompareAndSwap(uint64(old), uint64(w)) {
			continue
		}
		switch class {
		case dead, gone:
			s.tally[reused]++
			s.pressure.fall()
		case fresh:
			s.tally[evicted]++
			s.pressure.rise()
		default:
			s.pressure.fall()
		}
		if t.withdraw(at, w, home, away) {
			return true, true
		}
		s.tally[inserted]++
		return true, false
	}
}

// withdraw takes the pin of the flow of w back from its place if the flow has a
// pin in a lower one, and clears higher ones, whatever other workers make of
// them meanwhile. A pin that was moved to its other bucket may not have been
// seen; then it looks again. A pin that is imported may have either bucket as
// home, so the order is that of their numbers.
func (t *Table) withdraw(at *atomic.Uint64, w word, home, away int) (withdrawn bool) {
	if away < home {
		home, away = away, home
	}
	for {
		moves := t.moves.Load()
		if t.holds(w.tag(), home, away) == 1 && word(at.Load()).tag() == w.tag() && t.moves.Load() == moves {
			return false // as nearly always
		}
		var first *atomic.Uint64
		for n, b := range [2]int{home, away} {
			if n == 1 && away == home {
				break
			}
			for i := range t.buckets[b] {
				place := &t.buckets[b][i]
				switch {
				case word(place.Load()).tag() != w.tag():
				case first == nil:
					first = place
				default:
					clearTag(place, w.tag())
				}
			}
		}
		if t.moves.Load() == moves {
			return first != nil && first != at
		}
	}
}

// holds returns how many words of two buckets have the tag.
func (t *Table) holds(tag uint64, home, away int) (n uint64) {
	n = t.buckets[home].count(tag)
	if away != home {
		n += t.buckets[away].count(tag)
	}
	return n
}

// clearTag removes what a place holds for as long as it has the tag.
func clearTag(place *atomic.Uint64, tag uint64) {
	for w := place.Load(); word(w).tag() == tag && !place.CompareAndSwap(w, 0); {
		w = place.Load()
	}
}

// The classes of words that a new pin can take the place of, the best first.
type class uint8

const (
	vacant   class = iota // no pin
	dead                  // expired, or void
	fresh                 // on probation or adopted; of several the oldest
	gone                  // its member left: kept for a while to know the flow again
	occupied              // closing or established, and neither expired nor void: never
)

// A rank orders words as victims, the least first: class, then how short the
// word has been on probation, then an arbitrary number to choose among equals
// by.
//
//	class 3 | tickMask - age 10 | tie 4
type rank uint32

const (
	rankClass = 14
	rankAge   = 4
)

func (r rank) class() class { return class(r >> rankClass) }

// room returns the best place in two buckets for a new pin, and what is there;
// at is nil for class occupied. Of equal victims it takes one that depends on
// the flow: always the first would be a stack, where a flood pushes out the
// newest flows.
func (t *Table) room(home, away int, tag uint64, now *moment) (at *atomic.Uint64, old word, best class) {
	h := &t.buckets[home]
	for i := range h {
		if h[i].Load() == 0 {
			return &h[i], 0, vacant
		}
	}
	tie := rank(tag % (2 * bucketSize))
	a := &t.buckets[away]
	var words [2 * bucketSize]word
	first := rank(occupied) << rankClass
	for i := range bucketSize {
		words[i] = word(h[i].Load())
		words[bucketSize+i] = word(a[i].Load())
		first = min(first, t.rank(words[i], now)|rank(i)^tie, t.rank(words[bucketSize+i], now)|rank(bucketSize+i)^tie)
	}
	if first.class() == occupied {
		return nil, 0, occupied
	}
	i := int(first^tie) % (2 * bucketSize)
	if i < bucketSize {
		return &h[i], words[i], first.class()
	}
	return &a[i-bucketSize], words[i], first.class()
}

// rank returns the rank of w with a tie of 0. What the words of a bucket are
// can't be predicted, so it has no branches.
func (t *Table) rank(w word, now *moment) rank {
	if w == 0 {
		return rank(vacant) << rankClass
	}
	// 1: the difference is negative, so it has expired
	isDead := (t.clocks.limit[w.state()] - t.clocks.agePlus(w, now)) >> 31
	if !t.slots.Held(uint16(w.slot())) || w.slot() == selector.NoSlot {
		isDead = 1
	}
	isGone := !t.slots.InUse(uint16(w.slot()))
	class, byAge := rank(occupied), rank(0)
	if w.state() <= Adopted {
		class, byAge = rank(fresh), tickMask-rank(t.clocks.age(w, now))
	}
	if isGone {
		class, byAge = rank(gone), 0
	}
	r := class<<rankClass | byAge<<rankAge
	if isDead != 0 {
		r = rank(dead) << rankClass
	}
	return r
}

// How many pins makeRoom looks at: a few while some pin on probation can make
// way as well, and else all. Each further try makes evictions several times
// rarer while a table is filled as far as it is made for; with six they are a
// few in a hundred thousand inserts.
const (
	fewTries = 6
	allTries = 2 * bucketSize
)

// pressure rises while inserts have to evict and falls while they find room.
// When it is high the table is full, and it does not help to look for room in
// other buckets, each of which costs a cache miss.
type pressure uint8

const highPressure = 64

func (p *pressure) rise()      { *p = min(*p+2, 2*highPressure) }
func (p *pressure) fall()      { *p -= min(*p, 1) }
func (p *pressure) high() bool { return *p >= highPressure }

// makeRoom moves a pin out of one of the two buckets into its other one, if
// there is room for it there. best is the class of the best victim otherwise.
func (s *Sticky) makeRoom(home, away int, tag uint64, best class) (made bool) {
	tries := fewTries
	switch {
	case best == fresh && s.pressure.high():
		return false
	case best == occupied && !s.pressure.high():
		tries = allTries
	}
	t := s.table
	first := int(tag / (2 * bucketSize) % (2 * bucketSize))
	for n := range 2 * bucketSize {
		i, b := (first+n)%(2*bucketSize), home
		if i >= bucketSize {
			i, b = i-bucketSize, away
		}
		at := &t.buckets[b][i]
		w := word(at.Load())
		switch t.rank(w, &s.now).class() {
		case vacant:
			return true
		case dead, gone: // it could get behind Sweep
			continue
		}
		other := t.away(w.tag(), b)
		if other == b {
			continue
		}
		if s.relocate(at, w, &t.buckets[other]) {
			return true
		}
		if tries--; tries == 0 {
			return false
		}
	}
	return false
}

// relocate moves the pin w at place at into its other bucket, if something
// there is vacant or dead. The copy is there before the original goes, so that
// look-ups don't miss it: see find.
func (s *Sticky) relocate(at *atomic.Uint64, w word, other *bucket) bool {
	t := s.table
	to, old := t.roomFor(w, other, &s.now)
	if to == nil || word(at.Load()) != w || !to.CompareAndSwap(uint64(old), uint64(w)) {
		return false
	}
	if old != 0 {
		s.tally[reused]++
	}
	s.tally[relocated]++
	t.moves.Add(1)
	return t.finish(at, to, w)
}

// finish ends a move: w has been copied. It takes with it what happens to the
// original meanwhile.
func (t *Table) finish(at, to *atomic.Uint64, w word) (made bool) {
	copied := w
	for !at.CompareAndSwap(uint64(w), 0) {
		w = word(at.Load())
		switch {
		case w == 0: // swept, withdrawn or moved by another worker
			to.CompareAndSwap(uint64(copied), 0)
			return true
		case w.tag() != copied.tag():
			// It was pushed out, maybe before it was copied: then its flow may be
			// without a pin already, and would come by this one again.
			to.CompareAndSwap(uint64(copied), 0)
			return false
		case !t.replace(to, copied, w): // the copy was pushed out
			return false
		}
		copied = w
	}
	return true
}

// replace puts w in the place of its copy, unless its flow changed that as well
// and later. ok is false if another flow has the place.
func (t *Table) replace(to *atomic.Uint64, copied, w word) (ok bool) {
	for {
		there := word(to.Load())
		if there.tag() != w.tag() {
			return false
		}
		if there != copied && !t.later(w, there) || to.CompareAndSwap(uint64(there), uint64(w)) {
			return true
		}
	}
}

// later reports whether w was written in a later tick than v.
func (t *Table) later(w, v word) bool {
	k, now := &t.clocks, t.clocks.moment(t.latest.Load())
	since := func(w word) time.Duration { return time.Duration(w.steps(&now)) * k.unit(w.state()) }
	return since(w) < since(v)
}

// roomFor returns a vacant place of a bucket or, if there is none, a dead one;
// nil if there is neither, or if the bucket holds the flow of w already.
func (t *Table) roomFor(w word, b *bucket, now *moment) (at *atomic.Uint64, old word) {
	best := fresh
	for i := range b {
		there := word(b[i].Load())
		if there.tag() == w.tag() {
			return nil, 0
		}
		if c := t.rank(there, now).class(); c < best {
			at, old, best = &b[i], there, c
		}
	}
	return at, old
}
