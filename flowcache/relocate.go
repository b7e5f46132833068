package flowcache

import "sync/atomic"

// How many pins makeRoom looks at: a few while some pin on probation can make
// way as well, and else all. With two, one in a thousand inserts evicts a pin
// while a table is filled as far as it is made for; with four one in ten
// thousand; with six one in fifty thousand.
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
func (s *Sticky) makeRoom(home, away int, tag uint64, best class, now uint32) (made bool) {
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
		switch t.rank(w, now).class() {
		case vacant:
			return true
		case dead: // a void pin that moved could get behind Sweep
			continue
		}
		other := t.away(w.tag(), b)
		if other == b {
			continue
		}
		if s.relocate(at, w, &t.buckets[other], now) {
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
func (s *Sticky) relocate(at *atomic.Uint64, w word, other *bucket, now uint32) bool {
	t := s.table
	to, old := t.roomFor(w, other, now)
	if to == nil || word(at.Load()) != w || !to.CompareAndSwap(uint64(old), uint64(w)) {
		return false
	}
	if old != 0 {
		s.tally[reused]++
	}
	s.tally[relocated]++
	t.moves.Add(1)
	return finish(at, to, w)
}

// finish ends a move: w has been copied. It takes with it what happens to the
// original meanwhile.
func finish(at, to *atomic.Uint64, w word) (made bool) {
	copied := w
	for !at.CompareAndSwap(uint64(w), 0) {
		w = word(at.Load())
		switch {
		case w == 0: // swept, withdrawn or moved by another worker
			to.CompareAndSwap(uint64(copied), 0)
			return true
		case w.tag() != copied.tag(): // pushed out: the copy stays
			return false
		case to.CompareAndSwap(uint64(copied), uint64(w)): // its flow changed it
			copied = w
		case word(to.Load()).tag() != w.tag(): // the copy was pushed out
			return false
		} // else its flow changed both, the copy later
	}
	return true
}

// roomFor returns a vacant place of a bucket or, if there is none, a dead one;
// nil if there is neither, or if the bucket holds the flow of w already.
func (t *Table) roomFor(w word, b *bucket, now uint32) (at *atomic.Uint64, old word) {
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
