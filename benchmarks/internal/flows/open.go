package flows

import (
	"math/bits"

	"github.com/ecmp-go/ecmp/hash"
)

// An openTable is the least that remembers a member for a digest: open
// addressing with linear probes, at most half full. It is for one goroutine,
// forgets nothing, and takes two digests that are equal for one flow.
type openTable struct {
	idler
	slots []openSlot // their number is a power of two
	shift uint       // takes the upper bits of a digest
	touch bool       // look-ups load the slots of a burst before they compare
}

type openSlot struct {
	digest uint64
	member int32 // from 1; 0: empty
}

func newOpen(n int, touch bool) *openTable {
	size := bits.Len(uint(2*n - 1))
	return &openTable{slots: make([]openSlot, 1<<size), shift: uint(64 - size), touch: touch}
}

// Set implements [Cache].
func (t *openTable) Set(digests []uint64) {
	for i, d := range digests {
		at := t.find(d)
		t.slots[at] = openSlot{d, int32(i) + 1}
	}
}

// Get implements [Cache].
func (t *openTable) Get(digests []uint64) (hits int) {
	if !t.touch {
		for _, d := range digests {
			if t.slots[t.find(d)].member != 0 {
				hits++
			}
		}
		return hits
	}
	for len(digests) > 0 {
		burst := digests[:min(Batch, len(digests))]
		digests = digests[len(burst):]
		touched := uint64(0)
		for _, d := range burst {
			touched |= t.slots[d>>t.shift].digest
		}
		for _, d := range burst {
			if t.slots[t.find(d)].member != 0 {
				hits++
			}
		}
		if touched == 0 {
			return 0 // the table is empty; and the loads have a use
		}
	}
	return hits
}

// find returns the slot of a digest, or the empty one where it belongs.
func (t *openTable) find(d uint64) uint64 {
	at := d >> t.shift
	for t.slots[at].member != 0 && t.slots[at].digest != d {
		at = (at + 1) & uint64(len(t.slots)-1)
	}
	return at
}

type goMap[K comparable] struct {
	idler
	m map[K]int32
}

func (c goMap[K]) Set(keys []K) {
	for i, k := range keys {
		c.m[k] = int32(i)
	}
}

func (c goMap[K]) Get(keys []K) (hits int) {
	for _, k := range keys {
		if _, ok := c.m[k]; ok {
			hits++
		}
	}
	return hits
}

// GoMap is a map of the language, which is for one goroutine.
func GoMap[K comparable]() Peer[K] {
	return Peer[K]{"map", Exact, func(n int) Cache[K] { return goMap[K]{m: make(map[K]int32, n)} }}
}

// Open are plain tables of open addressing: the second loads the slots of a
// burst before it compares them.
func Open() []Peer[uint64] {
	return []Peer[uint64]{
		{"open", Exact, func(n int) Cache[uint64] { return newOpen(n, false) }},
		{"open-bursts", Exact, func(n int) Cache[uint64] { return newOpen(n, true) }},
	}
}

// Digested returns a peer that is keyed by digests, which it makes as the flow
// table's digests are made, a burst at a time.
func Digested(p Peer[uint64]) Peer[hash.FlowKey] {
	return Peer[hash.FlowKey]{p.Name, p.Kind, func(n int) Cache[hash.FlowKey] {
		return &digested{Cache: p.New(n), hasher: Hasher()}
	}}
}

type digested struct {
	Cache[uint64]
	hasher *hash.Mix
	burst  [Batch]uint64
}

// Set implements [Cache].
func (c *digested) Set(keys []hash.FlowKey) {
	for len(keys) > 0 {
		digests := c.digests(&keys)
		c.Cache.Set(digests)
	}
}

// Get implements [Cache].
func (c *digested) Get(keys []hash.FlowKey) (hits int) {
	for len(keys) > 0 {
		digests := c.digests(&keys)
		hits += c.Cache.Get(digests)
	}
	return hits
}

// digests returns those of the next burst, and takes it off the list.
func (c *digested) digests(keys *[]hash.FlowKey) []uint64 {
	n := min(Batch, len(*keys))
	for i, k := range (*keys)[:n] {
		c.burst[i] = c.hasher.Hash(k)
	}
	*keys = (*keys)[n:]
	return c.burst[:n]
}
