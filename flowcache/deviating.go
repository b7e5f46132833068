package flowcache

import (
	"iter"
	"math/bits"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// A Scan says which pins [Table.Deviating] yields.
type Scan struct {
	View     *selector.View // required
	Planned  *selector.View // what to compare with instead of View; may be nil
	From, To int            // the buckets, To excluded; a To of 0 is the end of the table

	// Since leaves out pins that deviated from this view already; may be nil.
	Since *selector.View

	// MaxAge leaves out pins that no packet refreshed for as long. With Since,
	// it lets younger ones in that deviated already. 0 is no limit.
	MaxAge time.Duration

	// Seen does as MaxAge, with the [Table.Lease] of each pin's state: it leaves
	// out those that were imported and have had no packet here.
	Seen bool

	// All lets in pins that do not deviate too, for selectors that see another
	// hash than the digest. Since has no meaning then.
	All bool
}

// Deviating yields the pins whose member is not the one that the selector of
// the view gives, marks aside: what another gateway that works with the same
// view can't know. Pins of members that the view does not have are left out.
// They come in order of buckets, while workers go on. A scan takes a few
// nanoseconds a pin, and the time of SelectBatch.
//
// It is exact for selectors without a table and for those whose number of slots
// is a power of two. With another number, as of Maglev, a pin in a million may
// be taken for one of the next slot. A pin does not tell its scope: where
// members are in groups of several scopes, pins of the others are taken for
// deviating too. With views of another domain than that of the table, it yields
// nothing.
func (t *Table) Deviating(s Scan, now time.Duration) iter.Seq[Pin] {
	target := s.View
	if s.Planned != nil {
		target = s.Planned
	}
	return func(yield func(Pin) bool) {
		if d := t.config.Domain; target.Domain() != d || s.Since != nil && s.Since.Domain() != d {
			return
		}
		m := t.clocks.moment(t.clocks.tickAt(now))
		b := newScanBlock(target)
		defer b.free()
		var since *scanBlock
		if s.Since != nil && !s.All {
			since = newScanBlock(s.Since)
			defer since.free()
		}
		to := len(t.buckets)
		if s.To != 0 {
			to = min(to, s.To)
		}
		for from := max(s.From, 0); from < to; from += scanBuckets {
			b.read(t, from, min(from+scanBuckets, to))
			if !s.All {
				b.place()
			}
			for i, w := range b.words[:b.pins] {
				if !s.All && b.members[i] == b.placed[i] || t.clocks.expired(w, &m) {
					continue
				}
				steps := t.clocks.age(w, &m)
				age := time.Duration(steps) * t.clocks.unit(w.state())
				wanted := (s.MaxAge == 0 || age < s.MaxAge) && (!s.Seen || steps <= t.clocks.lease(w.state()))
				if since != nil {
					wanted = (s.MaxAge != 0 || s.Seen) && wanted || !since.deviates(w, b.digest(i))
				}
				if wanted && !yield(Pin{Key{w.tag(), uint32(from) + uint32(b.at[i])}, w.slot(), w.state(), age}) {
					return
				}
			}
		}
	}
}

// scanBuckets is how many buckets are scanned at a time. What is known of their
// pins stays in the caches closest to the core.
const scanBuckets = 64

// A scanBlock compares the pins of some buckets with a view, whose members it
// finds for all of them at once.
type scanBlock struct {
	view   *selector.View
	batch  selector.BatchSelector // nil: there is none
	salt   uint64
	mask   uint64              // of the bits of a hash that the selector sees
	bySlot [maxSlot + 1]uint16 // index of the member and one more, 0 for none: to find it takes no branch

	pins    int // whose member the view has
	words   [scanBuckets * bucketSize]word
	hashes  [scanBuckets * bucketSize]uint64
	members [scanBuckets * bucketSize]int32 // that the pins name
	placed  [scanBuckets * bucketSize]int32 // that the selector gives
	at      [scanBuckets * bucketSize]uint8 // buckets, from the first one
	low     [scanBuckets]uint32             // bits of the digests of each bucket
}

// Blocks are large and used again: a table is scanned in small parts.
//
//nolint:gochecknoglobals // memory alone, for whoever scans next
var scanBlocks = sync.Pool{New: func() any { return new(scanBlock) }}

func newScanBlock(v *selector.View) *scanBlock {
	b := scanBlocks.Get().(*scanBlock)
	b.view, b.salt, b.mask = v, v.Salt(), 1<<64-1
	b.batch, _ = v.Selector().(selector.BatchSelector)
	if _, ok := v.Selector().(selector.Tabled); !ok {
		b.mask <<= tagShift
	}
	for i := range v.Len() {
		if slot := v.Slot(int32(i)); slot != selector.NoSlot {
			b.bySlot[slot&maxSlot] = uint16(i + 1)
		}
	}
	return b
}

func (b *scanBlock) free() {
	for i := range b.view.Len() {
		b.bySlot[b.view.Slot(int32(i))&maxSlot] = 0
	}
	b.view, b.batch = nil, nil
	scanBlocks.Put(b)
}

// read takes the pins of these buckets whose member the view has. The bits of
// a digest that a word lacks follow from the bucket, but for a pin that is not
// at home; only a table whose number of slots is no power of two looks at them.
func (b *scanBlock) read(t *Table, from, to int) {
	buckets := t.buckets[from:to]
	for i := range buckets { // so that the cache misses overlap
		buckets[i][0].Load()
	}
	n := 0
	for i := range buckets {
		if buckets[i].empty() {
			continue
		}
		low := uint32(t.lowBits(from + i))
		b.low[i] = low
		for j := range bucketSize {
			w := word(buckets[i][j].Load())
			place := b.bySlot[w.slot()]
			b.words[n], b.members[n], b.at[n] = w, int32(place)-1, uint8(i)
			b.hashes[n] = ((w.tag()<<tagShift | uint64(low)) ^ b.salt) & b.mask
			n += int((uint32(place) + maxSlot) >> 16) // no branch: which words are pins can't be predicted
		}
	}
	b.pins = n
}

// empty reports whether a bucket has no word.
func (b *bucket) empty() bool {
	all := uint64(0)
	for i := range b {
		all |= b[i].Load()
	}
	return all == 0
}

// lowBits returns bits of the digest that the tag lacks, of a flow at home in
// this bucket.
func (t *Table) lowBits(home int) uint64 {
	low, _ := bits.Div64(uint64(home), 0, uint64(len(t.buckets)))
	return low >> (64 - tagShift)
}

// place finds the members that the selector gives.
func (b *scanBlock) place() {
	hashes, placed := b.hashes[:b.pins], b.placed[:b.pins]
	if b.batch == nil {
		for i, h := range hashes {
			placed[i] = b.view.Unmarked(h)
		}
		return
	}
	b.batch.SelectBatch(placed, hashes)
}

// digest returns the digest of pin i.
func (b *scanBlock) digest(i int) uint64 { return b.words[i].tag()<<tagShift | uint64(b.low[b.at[i]]) }

// deviates reports whether the view has the member of a pin, and its selector
// gives another one than digest says.
func (b *scanBlock) deviates(w word, digest uint64) bool {
	place := int32(b.bySlot[w.slot()])
	return place > 0 && b.view.Unmarked(digest^b.salt) != place-1
}
