package flowcache

import (
	"math/bits"
	"time"

	"github.com/ecmp-go/ecmp/hash"
)

// Strays holds copies of strays: fragments that came before the first one of
// their datagram. Each worker has one over the [Fragments] that all share, and
// sends what it holds itself: no frame goes from one worker to another.
//
//	if !fragments.Complete(&h, frame, now) {
//		if strays.Hold(&h, frame, ref, now) {
//			continue // Release gives it back
//		}
//		counters.Strays++ // it goes by its addresses
//	}
//
// Call Release after every burst, and about every millisecond while Len is not
// 0. What it gives back is routed as if it came then, but not held again.
//
// A stray is given back with all others of its datagram: once any worker has
// seen their first fragment; or when the oldest of them has waited for
// FragmentsConfig.Hold; or when there is no more room, and their datagram is
// the oldest. So a flood of strays costs others their wait and nothing else.
//
// Nothing is allocated but by NewStrays: FragmentsConfig.Memory, and about 420
// bytes for each of FragmentsConfig.Strays; 1.1 MiB by default. Hold and
// Release take constant time for a fragment; Release looks up all datagrams
// that wait after a burst with a first fragment. A Strays belongs to one
// goroutine.
type Strays struct {
	fragments *Fragments

	// The bytes of the copies, a ring. Of room, used bytes up to end are taken.
	room      []byte
	end, used int

	// The fragments held, in order of arrival: those from number oldest up to
	// number next, without those that are gone already. Places are numbers
	// modulo the length, a power of two.
	held         []heldFragment
	oldest, next uint64

	// The datagrams that wait, in order of their oldest fragments, likewise.
	// chains has the numbers of those with equal hashes, plus 1.
	waiting     []waitingDatagram
	first, last uint64
	datagrams   int // of which there are fragments left
	chains      []uint64

	count    int    // of fragments held
	arrivals uint64 // of fragments, when the datagrams were last looked up
	lookUp   bool   // whether they are to be looked up whatever arrivals says
}

// A Stray is a fragment that was held.
type Stray struct {
	Frame []byte        // the copy, to be used until the next call of Hold
	Since time.Duration // when it was held
	Ref   uint64        // what the caller gave to Hold
}

type heldFragment struct {
	since time.Duration
	ref   uint64
	next  uint64 // number of the next one of the datagram
	start uint32
	size  uint32
	span  uint32 // of the ring: size, and the end of the ring where that was too short
	gone  bool
}

type waitingDatagram struct {
	datagram     uint64
	since        time.Duration
	oldest, last uint64 // numbers of its fragments
	next         uint64 // in its chain, plus 1
	left         int    // fragments held
	due          bool   // it waits no longer
}

// NewStrays returns the strays of one worker.
func NewStrays(f *Fragments) *Strays {
	places := 1 << bits.Len(uint(4*f.c.Strays-1))
	return &Strays{
		fragments: f,
		room:      make([]byte, f.c.Memory),
		held:      make([]heldFragment, places),
		waiting:   make([]waitingDatagram, places),
		chains:    make([]uint64, places),
	}
}

// Len returns how many fragments are held.
func (s *Strays) Len() int { return s.count }

// Due returns when the datagram that has waited longest has waited long enough.
// It reports false if none waits.
func (s *Strays) Due() (at time.Duration, ok bool) {
	for n := s.first; n != s.last; n++ {
		if d := s.datagram(n); d.left > 0 {
			return d.since + s.fragments.c.Hold, true
		}
	}
	return 0, false
}

// Hold keeps a copy of a fragment for which [Fragments.Complete] reported
// false. It reports false if there is no room before the next call of Release,
// or if the fragment is a first one: that goes by its addresses at once. frame
// is what is to come back, and ref comes back with it.
func (s *Strays) Hold(h *hash.Headers, frame []byte, ref uint64, now time.Duration) bool {
	if !h.FragLater || s.next-s.oldest == uint64(len(s.held)) || s.last-s.first == uint64(len(s.waiting)) {
		return false
	}
	start, span, ok := s.reserve(len(frame))
	if !ok {
		return false
	}
	copy(s.room[start:], frame)
	s.end, s.used = start+len(frame), s.used+span
	if s.count == 0 {
		s.fragments.holding.Add(1)
		s.lookUp = true // a first fragment may have come just before
	}
	s.count++
	n := s.next
	s.next++
	*s.fragment(n) = heldFragment{
		since: now, ref: ref, start: uint32(start), size: uint32(len(frame)), span: uint32(span),
	}
	datagram := s.fragments.datagram(h)
	if d := s.find(datagram); d != nil {
		s.fragment(d.last).next = n
		d.last = n
		d.left++
		return true
	}
	chain := s.chain(datagram)
	*s.datagram(s.last) = waitingDatagram{datagram: datagram, since: now, oldest: n, last: n, next: *chain, left: 1}
	s.last++
	*chain = s.last
	s.datagrams++
	return true
}

// Release fills dst with the strays that wait no longer and returns their
// number. If that is the length of dst there may be more: call it again.
// Datagrams come in the order of their oldest strays, those whose first
// fragment came before those that have waited long enough, and the strays of a
// datagram in the order in which they came.
func (s *Strays) Release(dst []Stray, now time.Duration) (n int) {
	if s.count == 0 {
		return 0
	}
	if a := s.fragments.arrivals.Load(); a != s.arrivals || s.lookUp {
		s.arrivals, s.lookUp = a, true
		for i := s.first; i != s.last; i++ {
			d := s.datagram(i)
			if d.left == 0 {
				continue
			}
			if _, ok := s.fragments.recall(d.datagram, now); !ok {
				continue
			}
			if n += s.release(d, dst[n:]); d.left > 0 {
				return n
			}
		}
		s.lookUp = false
	}
	for ; s.first != s.last; s.first++ {
		d := s.datagram(s.first)
		if d.left == 0 {
			continue
		}
		d.due = d.due || s.full() || now-d.since >= s.fragments.c.Hold
		if !d.due {
			break
		}
		if n += s.release(d, dst[n:]); d.left > 0 {
			break
		}
	}
	if s.count == 0 {
		s.fragments.holding.Add(-1)
	}
	return n
}

// full reports whether the oldest datagram has to make room.
func (s *Strays) full() bool {
	return s.datagrams > s.fragments.c.Strays || s.next-s.oldest > uint64(len(s.held)/4*3) || s.used > len(s.room)/4*3
}

// release puts what is left of a datagram into dst, as far as that goes.
func (s *Strays) release(d *waitingDatagram, dst []Stray) (n int) {
	for ; d.left > 0 && n < len(dst); n++ {
		f := s.fragment(d.oldest)
		dst[n] = Stray{Frame: s.room[f.start : f.start+f.size : f.start+f.size], Since: f.since, Ref: f.ref}
		f.gone = true
		d.oldest = f.next
		d.left--
		s.count--
	}
	if d.left == 0 {
		s.unchain(d)
		s.datagrams--
	}
	for s.oldest != s.next && s.fragment(s.oldest).gone {
		s.used -= int(s.fragment(s.oldest).span)
		s.oldest++
	}
	return n
}

// reserve returns where a copy of n bytes goes, and how much of the ring it
// takes.
func (s *Strays) reserve(n int) (start, span int, ok bool) {
	if s.used == 0 {
		s.end = 0
	}
	start, span = s.end, n
	if n > len(s.room)-s.end {
		start, span = 0, n+len(s.room)-s.end
	}
	return start, span, s.used+span <= len(s.room)
}

func (s *Strays) fragment(n uint64) *heldFragment { return &s.held[n&uint64(len(s.held)-1)] }

func (s *Strays) datagram(n uint64) *waitingDatagram { return &s.waiting[n&uint64(len(s.waiting)-1)] }

func (s *Strays) chain(datagram uint64) *uint64 { return &s.chains[datagram&uint64(len(s.chains)-1)] }

func (s *Strays) find(datagram uint64) *waitingDatagram {
	for n := *s.chain(datagram); n != 0; {
		d := s.datagram(n - 1)
		if d.datagram == datagram {
			return d
		}
		n = d.next
	}
	return nil
}

// unchain takes a datagram out of its chain.
func (s *Strays) unchain(d *waitingDatagram) {
	link := s.chain(d.datagram)
	for s.datagram(*link-1) != d {
		link = &s.datagram(*link - 1).next
	}
	*link = d.next
}
