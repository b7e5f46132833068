package flowcache

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

const bucketSize = 8

type bucket [bucketSize]atomic.Uint64

// A Table is a fixed-size flow table for the groups of one domain. It holds no pointer to a flow, so that the garbage
// collector has nothing to do with it. A Table is safe for concurrent use; nothing in it locks but Sweep, Save and Restore.
type Table struct {
	config     Config
	buckets    []bucket
	quarantine *selector.Quarantine

	timeouts     [4]uint32 // in ticks, by state
	promoteAfter uint32
	downGrace    uint32

	counters counters

	sweepMu sync.Mutex
	sweep   sweepState
}

// NewTable returns an empty table. The error is a [*ConfigError].
func NewTable(c Config) (*Table, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	ticks := func(d time.Duration) uint32 { return uint32(c.ticks(d)) }
	return &Table{
		config:       c,
		buckets:      make([]bucket, bucketsFor(c.Flows)),
		quarantine:   c.Domain.Quarantine(),
		timeouts:     [4]uint32{ticks(c.Probation), ticks(c.EstablishedTCP), ticks(c.Established), ticks(c.Closing)},
		promoteAfter: ticks(c.PromoteAfter),
		downGrace:    ticks(c.DownGrace),
	}, nil
}

// bucketsFor makes a table of flows pins three quarters full.
func bucketsFor(flows int) int {
	const load = bucketSize * 3 / 4
	return (flows + load - 1) / load
}

func (t *Table) tickAt(now int64) uint32 { return uint32(now / int64(t.config.Tick)) }

func (t *Table) expired(w word, now uint32) bool { return w.age(now) > t.timeouts[w.state()] }

// home and away are the two buckets of a flow. Each can be told from the other and the tag.
func (t *Table) home(digest uint64) int {
	hi, _ := bits.Mul64(bits.RotateLeft64(digest, 64-tagShift), uint64(len(t.buckets)))
	return int(hi)
}

func (t *Table) away(tag uint64, home int) int {
	sum, _ := bits.Mul64(tag*0x9e3779b97f4a7c15, uint64(len(t.buckets)))
	if away := int(sum) - home; away >= 0 {
		return away
	}
	return int(sum) - home + len(t.buckets)
}

// find returns the word with the flow's pin and where it is; a word of 0 if there is none.
func (t *Table) find(digest uint64) (*atomic.Uint64, word) {
	tag := tagOf(digest)
	home := t.home(digest)
	if at, w := t.buckets[home].find(tag); w != 0 {
		return at, w
	}
	return t.buckets[t.away(tag, home)].find(tag)
}

func (b *bucket) find(tag uint64) (*atomic.Uint64, word) {
	for i := range b {
		if w := word(b[i].Load()); w.tag() == tag {
			return &b[i], w
		}
	}
	return nil, 0
}

// insert pins a flow that has no pin. ok is false if its buckets hold nothing but flows that may not be pushed out; the
// counters then say so. Another worker may pin the same flow meanwhile: then the lower word wins, and lost is true if that
// is not w.
func (t *Table) insert(digest uint64, w word, now uint32) (ok, lost bool) {
	home := t.home(digest)
	away := t.away(w.tag(), home)
	for {
		at, old, class := t.room(home, away, now)
		if class == occupied {
			t.counters.refused.Add(1)
			return false, false
		}
		if !at.CompareAndSwap(uint64(old), uint64(w)) {
			continue
		}
		t.counters.tookOver[class].Add(1)
		if t.withdraw(at, w, home, away) {
			return true, true
		}
		t.counters.inserted.Add(1)
		return true, false
	}
}

// withdraw takes w back from its place if the same flow has a pin in a lower one, and clears higher ones.
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

// The classes of words that a new pin can take the place of, the best first.
type class uint8

const (
	vacant   class = iota // no pin
	dead                  // expired, or void: its member left
	fresh                 // on probation; of several the oldest
	occupied              // closing or established, and neither expired nor void: never
)

// room returns the best place in two buckets for a new pin.
func (t *Table) room(home, away int, now uint32) (at *atomic.Uint64, old word, best class) {
	best = occupied
	var oldest uint32
	for _, b := range [2]int{home, away} {
		for i := range t.buckets[b] {
			place := &t.buckets[b][i]
			w := word(place.Load())
			c := t.classOf(w, now)
			age := w.age(now)
			if c < best || c == fresh && best == fresh && age > oldest {
				at, old, best, oldest = place, w, c, age
			}
			if best == vacant {
				return at, old, best
			}
		}
	}
	return at, old, best
}

func (t *Table) classOf(w word, now uint32) class {
	switch {
	case w == 0:
		return vacant
	case t.expired(w, now) || !t.config.Domain.SlotInUse(w.slot()):
		return dead
	case w.state() == probation:
		return fresh
	}
	return occupied
}

// Cap returns how many pins fit into the table.
func (t *Table) Cap() int { return len(t.buckets) * bucketSize }

// Pins returns how many pins name the slot, expired ones that were not swept yet included: the flows that a draining
// member still has, say. It reads the whole table.
func (t *Table) Pins(slot uint16) int {
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
