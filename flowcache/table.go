package flowcache

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/internal/hugepage"
	"github.com/ecmp-go/ecmp/internal/slots"
)

// A Table is a fixed-size flow table for the groups of one domain. It holds no
// pointer to a flow, so that the garbage collector has nothing to do with it. A
// Table is safe for concurrent use; nothing in it locks but Sweep, Save and
// Restore.
type Table struct {
	// What look-ups read. Nothing here is ever written again: a cache line that
	// another core writes to is lost to them.
	buckets    []bucket
	clocks     clocks
	config     Config
	slots      *slots.Pool
	registered *slots.Table // at slots

	_ [64]byte

	moves    atomic.Uint64 // counts pins that left a bucket for their other one: see find
	counters counters
	pins     atomic.Int64 // as Sweep counted

	rebalancing rebalancing
	awaited     awaited
	releases    atomic.Pointer[releases] // nil: none
	releasing   sync.Mutex               // held by writers of releases

	_ [64]byte

	latest atomic.Int64 // the greatest tick of any worker

	_ [64]byte

	sweepMu sync.Mutex
	sweep   sweepState
}

// NewTable returns an empty table. It writes to all of its memory, in time O(Flows),
// so that no packet waits for the system to give some. The error is a
// [*ConfigError].
func NewTable(c Config) (*Table, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &Table{
		config:     c,
		clocks:     newClocks(&c),
		buckets:    make([]bucket, bucketsFor(c.Flows)),
		slots:      c.Domain.Slots(slots.Insider{}),
		registered: c.Domain.Slots(slots.Insider{}).NewTable(),
	}
	t.latest.Store(math.MinInt64)
	hugepage.Advise(t.buckets)
	clear(t.buckets) // the system gives memory when it is written to, for which no packet shall wait
	return t, nil
}

// Config returns the configuration of the table, with every default filled in.
func (t *Table) Config() Config {
	c := t.config
	c.Classes = slices.Clone(c.Classes)
	return c
}

// note remembers the greatest tick of any worker. A worker calls it before it
// writes a word of that tick, so that whoever has read a word knows a tick that
// is not before it: see Sweep.
func (t *Table) note(tick int64) {
	for {
		latest := t.latest.Load()
		if tick <= latest || t.latest.CompareAndSwap(latest, tick) {
			return
		}
	}
}

// flowsPerBucket makes a table of Config.Flows pins three quarters full.
const flowsPerBucket = bucketSize * 3 / 4

func bucketsFor(flows int) int { return (flows-1)/flowsPerBucket + 1 }

// home and away are the two buckets of a flow. Each can be told from the other
// and the tag.
func (t *Table) home(digest uint64) int { return homeOf(digest, len(t.buckets)) }

func homeOf(digest uint64, buckets int) int {
	hi, _ := bits.Mul64(bits.RotateLeft64(digest, 64-tagShift), uint64(buckets))
	return int(hi)
}

func (t *Table) away(tag uint64, home int) int {
	sum, _ := bits.Mul64(tag*0x9e3779b97f4a7c15, uint64(len(t.buckets)))
	if away := int(sum) - home; away >= 0 {
		return away
	}
	return int(sum) - home + len(t.buckets)
}

// find returns the word with the flow's pin and where it is; a word of 0 if
// there is none. A pin that goes from the away bucket to the home one after
// that was looked at, and before it is missed in the other, would not be seen:
// so what is not found is looked for again if any pin was moved meanwhile.
func (t *Table) find(digest uint64) (*atomic.Uint64, word) {
	return t.findIn(tagOf(digest), t.home(digest))
}

// findIn is find for a tag and either of its buckets.
func (t *Table) findIn(tag uint64, home int) (*atomic.Uint64, word) {
	away := t.away(tag, home)
	for {
		moves := t.moves.Load()
		if at, w := t.buckets[home].find(tag); w != 0 {
			return at, w
		}
		if at, w := t.buckets[away].find(tag); w != 0 {
			return at, w
		}
		if t.moves.Load() == moves {
			return nil, 0
		}
	}
}

// Cap returns how many pins fit into the table.
func (t *Table) Cap() int { return len(t.buckets) * bucketSize }

const bucketSize = 8

// A bucket is a cache line.
type bucket [bucketSize]atomic.Uint64

func (b *bucket) lower() *[bucketSize / 2]atomic.Uint64 {
	return (*[bucketSize / 2]atomic.Uint64)(b[:bucketSize/2])
}

func (b *bucket) upper() *[bucketSize / 2]atomic.Uint64 {
	return (*[bucketSize / 2]atomic.Uint64)(b[bucketSize/2:])
}

// minXOR XORs the tag into each word of half a bucket and returns the least
// result: the pin without its tag if one matches, else a word with tag bits
// set. Where in a bucket a word is can't be predicted, and a mispredicted
// branch costs as much as looking at all eight words without one.
func minXOR(half *[bucketSize / 2]atomic.Uint64, tag uint64) word {
	tag <<= tagShift
	return word(min(min(half[0].Load()^tag, half[1].Load()^tag), min(half[2].Load()^tag, half[3].Load()^tag)))
}

// match returns the word with the tag, 0 if there is none.
//
// It is out of line because the compiler makes branches of such minima where
// they are used in addresses.
//
//go:noinline
func (b *bucket) match(tag uint64) word {
	w := min(minXOR(b.lower(), tag), minXOR(b.upper(), tag))
	if w.tag() != 0 {
		return 0
	}
	return w | word(tag<<tagShift)
}

// count returns how many words have the tag. It has no branches: it is asked of
// each new pin, and where that is can't be predicted.
func (b *bucket) count(tag uint64) (n uint64) {
	for i := range b {
		n += ((b[i].Load()>>tagShift ^ tag) - 1) >> 63
	}
	return n
}

// find returns the first word with the tag, and its place; 0 if there is none.
func (b *bucket) find(tag uint64) (*atomic.Uint64, word) {
	for i := range b {
		if w := word(b[i].Load()); w.tag() == tag {
			return &b[i], w
		}
	}
	return nil, 0
}
