package flowcache

import (
	"math"
	"math/bits"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// sweepState is where Sweep is, and what it has to tell the domain.
type sweepState struct {
	started bool
	last    time.Duration // what was due until then is done
	cursor  int
	pins    int // in this pass
	passes  int // that are complete

	own    int64  // tick of the caller's clock
	latest int64  // of the workers' clocks
	moment moment // of latest
	idle   moment // how long ago latest was, in units of each state

	// Slots that were quarantined before epoch, which began at time since, may
	// leave once that is longer ago than the longest timeout; waiting is false
	// while no epoch has begun. What leaves before a pass begins, which is
	// epoch pass, is free when that ends.
	waiting     bool
	epoch, pass uint64
	since       time.Duration
}

// Sweep does what is due since its last call: it removes expired pins, and
// voids those of slots that leave the domain, and those that a [Table.Release]
// left, which keeps their flows known as moved until their timeout. Call it
// about once a tick, from wherever time is at hand. A pass over the whole table
// takes a minute, or less where pins would else seem fresh again; a call looks
// at no more than that.
//
// Every table of a domain must be swept: passes tell the domain which slots of
// members that left can be given again. A slot is free after its quarantine,
// the longest timeout and an eighth, and two passes. Without sweeps expired
// pins may seem fresh again, and members that join get no slot in the end.
//
// Sweep is safe for concurrent use with everything; two sweeps wait for each
// other. It takes tens of nanoseconds a bucket.
func (t *Table) Sweep(now time.Duration) {
	t.sweepMu.Lock()
	defer t.sweepMu.Unlock()
	s := &t.sweep
	elapsed := now - s.last
	if !s.started || elapsed < 0 {
		s.started, s.last = true, now
		return
	}
	if elapsed >= t.clocks.pass {
		s.last = now
		t.sweepBuckets(now, len(t.buckets))
		return
	}
	hi, lo := bits.Mul64(uint64(len(t.buckets)), uint64(elapsed))
	due, _ := bits.Div64(hi, lo, uint64(t.clocks.pass))
	hi, lo = bits.Mul64(due, uint64(t.clocks.pass))
	done, _ := bits.Div64(hi, lo, uint64(len(t.buckets)))
	s.last += time.Duration(done)
	t.sweepBuckets(now, int(due))
}

// Buckets returns the number of buckets.
func (t *Table) Buckets() int { return len(t.buckets) }

// sweepBuckets looks at the next buckets, in turn.
func (t *Table) sweepBuckets(now time.Duration, n int) {
	t.endReleases()
	s := &t.sweep
	s.own = t.clocks.tickAt(now)
	s.at(&t.clocks, t.latest.Load())
	for range n {
		if s.cursor == 0 {
			t.beginPass(now)
		}
		t.sweepBucket(&t.buckets[s.cursor])
		if released := t.releases.Load(); released != nil {
			t.voidReleased(released, &t.buckets[s.cursor], now)
		}
		if s.cursor++; s.cursor == len(t.buckets) {
			s.cursor = 0
			t.endPass()
		}
	}
}

func (t *Table) beginPass(now time.Duration) {
	s := &t.sweep
	s.pins = 0
	if s.waiting && now-s.since > t.clocks.longest()+heldInBurst {
		t.registered.Aged(s.epoch)
		s.waiting = false
	}
	s.pass = t.registered.Epoch()
	if !s.waiting {
		s.waiting, s.epoch, s.since = true, s.pass, now
	}
}

func (t *Table) endPass() {
	t.registered.Swept(t.sweep.pass)
	t.sweep.passes++
	t.pins.Store(int64(t.sweep.pins))
}

// How long the system may hold up a worker.
const (
	// Between its clock and its burst: its packets find their pins then, if no
	// other worker goes on meanwhile for so long that pins would seem fresh
	// again.
	heldUp = 250 * time.Millisecond

	// Between its look at a member's slot and the pin that it writes.
	heldInBurst = 20 * time.Millisecond
)

// at sets the clock to the latest tick of the workers. That may be long ago,
// because no packet comes or because a worker is held up: so the time since is
// counted from heldUp on.
func (s *sweepState) at(k *clocks, latest int64) {
	own := s.own - int64(heldUp/k.tick)
	if latest == math.MinInt64 {
		latest = own // no worker has begun
	}
	s.latest, s.moment = latest, k.moment(latest)
	s.idle = k.moment(latest + min(max(own-latest, 0), math.MaxInt32))
	for i := range s.idle {
		s.idle[i] = min(s.idle[i]-s.moment[i], tickWrap)
	}
}

// left returns how long a pin has to live, in units of its state: negative, its
// highest bit 1, if it has expired. No pin is ahead of the latest tick of the
// workers, so that its age by that may be all that a tick can tell.
func (s *sweepState) left(k *clocks, w word) uint32 {
	state := w & stateMask
	return k.spared[state] - s.idle[state] - w.steps(&s.moment)
}

// sweepBucket removes and voids what is expired and void. Most pins are
// neither, and no branch depends on which are.
//
// The words are read before the latest tick of the workers. So none was written
// after the moment by which it is judged, however long the sweeper was held up
// since its caller read the clock.
func (t *Table) sweepBucket(b *bucket) {
	s := &t.sweep
	var words [bucketSize]word
	for i := range b {
		words[i] = word(b[i].Load())
	}
	if latest := t.latest.Load(); latest > s.latest {
		s.at(&t.clocks, latest)
	}
	bad := uint32(0)
	for _, w := range words {
		// negative, its highest bit 1: expired
		left := s.left(&t.clocks, w)
		if !t.slots.Held(uint16(w.slot())) {
			left = 1 << 31
		}
		if w == 0 {
			left = 0
		} else {
			s.pins++
		}
		bad |= left
	}
	if bad>>31 == 0 {
		return
	}
	for i, w := range words {
		switch {
		case w == 0:
		case s.left(&t.clocks, w)>>31 != 0:
			if b[i].CompareAndSwap(uint64(w), 0) {
				t.counters[expired].Add(1)
				s.pins--
			}
		case w.slot() != selector.NoSlot && !t.slots.Held(uint16(w.slot())):
			if b[i].CompareAndSwap(uint64(w), uint64(w.withSlot(selector.NoSlot))) {
				t.counters[voided].Add(1)
			}
		}
	}
}
