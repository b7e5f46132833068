package flowcache

import "sync/atomic"

// insert pins a flow that has no pin. ok is false if its buckets hold nothing
// but flows that may not be pushed out; the counters then say so. Another
// worker may pin the same flow meanwhile: then the lower word wins, and lost is
// true if that is not w.
func (s *Sticky) insert(home int, w word, now uint32) (ok, lost bool) {
	t := s.table
	away := t.away(w.tag(), home)
	for moved := false; ; {
		at, old, class := t.room(home, away, w.tag(), now)
		if class > dead && !moved {
			moved = true
			if s.makeRoom(home, away, w.tag(), class, now) {
				continue
			}
		}
		if class == occupied {
			s.tally[refused]++
			s.pressure.rise()
			return false, false
		}
		if !at.CompareAndSwap(uint64(old), uint64(w)) {
			continue
		}
		switch class {
		case dead:
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

// withdraw takes w back from its place if the same flow has a pin in a lower
// one, and clears higher ones.
func (t *Table) withdraw(at *atomic.Uint64, w word, home, away int) (withdrawn bool) {
	passed := false
	for n, b := range [2]int{home, away} {
		if n == 1 && away == home {
			break
		}
		for i := range t.buckets[b] {
			place := &t.buckets[b][i]
			other := word(place.Load())
			switch {
			case place == at:
				passed = true
			case other.tag() != w.tag():
			case passed:
				place.CompareAndSwap(uint64(other), 0)
			default:
				at.CompareAndSwap(uint64(w), 0)
				return true
			}
		}
	}
	return false
}
