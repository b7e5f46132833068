package place

import (
	"math/bits"
	"slices"
)

// Buckets is a model of AnchorHash and MementoHash: each removed bucket keeps a
// copy of the list of the buckets that were working just after its removal.
type Buckets struct {
	first   func(h uint64) int // the bucket of a hash among all
	grow    func()             // adds a bucket; nil: there are none to add
	all     int
	order   []int // of the working buckets
	removed []removal
	member  map[int]string
}

type removal struct {
	bucket int
	after  []int // the order after it
	before []int // and before
}

// NewAnchor has capacity buckets, all removed, the last one first.
func NewAnchor(capacity int) *Buckets {
	m := &Buckets{all: capacity, member: map[int]string{}}
	m.first = func(h uint64) int { return scale(h, m.all) }
	for b := range capacity {
		m.order = append(m.order, b)
	}
	for b := capacity - 1; b >= 0; b-- {
		m.removeBucket(b)
	}
	return m
}

// NewMemento has no bucket.
func NewMemento() *Buckets {
	m := &Buckets{member: map[int]string{}}
	m.first = func(h uint64) int { return JumpBack(h, m.all) }
	m.grow = func() {
		m.order = append(m.order, m.all)
		m.all++
	}
	return m
}

// Remove takes the bucket from a member, the last of the order takes its place
// there.
func (m *Buckets) Remove(id string) {
	for b, owner := range m.member {
		if owner != id {
			continue
		}
		delete(m.member, b)
		if m.grow != nil && len(m.removed) == 0 && b == m.all-1 {
			m.all--
			m.order = m.order[:m.all]
			return
		}
		m.removeBucket(b)
		return
	}
}

func (m *Buckets) removeBucket(b int) {
	before := slices.Clone(m.order)
	last := len(m.order) - 1
	m.order[slices.Index(m.order, b)] = m.order[last]
	m.order = m.order[:last]
	m.removed = append(m.removed, removal{b, slices.Clone(m.order), before})
}

// Add gives the member the bucket that was removed last, and takes back what
// its removal did.
func (m *Buckets) Add(id string) {
	if len(m.removed) == 0 {
		m.grow()
		m.member[m.all-1] = id
		return
	}
	last := m.removed[len(m.removed)-1]
	m.removed = m.removed[:len(m.removed)-1]
	m.order = last.before
	m.member[last.bucket] = id
}

// Select returns the ID of the member for h.
func (m *Buckets) Select(h uint64) string {
	b := m.first(h)
	for {
		if id, ok := m.member[b]; ok {
			return id
		}
		for _, r := range m.removed {
			if r.bucket == b {
				h = fold(h^0xa0761d6478bd642f, (uint64(b)+1)*0xe7037ed1a0b428db|1)
				b = r.after[scale(h, len(r.after))]
				break
			}
		}
	}
}

// JumpBack is the last of the buckets, in the order in which they are added,
// that a hash moves to. A hash moves within an octave of buckets, from 2^i to
// 2^(i+1)-1, if bit i of its first random number says so; the last bucket there
// is given by that number too. The bucket before it is found by drawing from
// the range below 2^(i+1) until it is in the octave and small enough: all draws
// but those would be moves to buckets that are not there yet.
func JumpBack(h uint64, n int) int {
	state := h
	random := func() uint64 {
		state += 0x9e3779b97f4a7c15
		return SplitMix(state)
	}
	first := random()
	bit := uint32(first) ^ uint32(first>>32)
	octaves := bits.Len(uint(n - 1)) // those that have a bucket below n
	for i := octaves - 1; i >= 0; i-- {
		if bit>>i&1 == 0 {
			continue
		}
		offset := first
		moves := bits.OnesCount32(bit << (32 - octaves) >> (32 - octaves) & (1<<(i+1) - 1))
		if moves%2 == 1 {
			offset >>= 32
		}
		b := 1<<i + int(offset%(1<<i))
		halves := []int{}
		for b >= 1<<i {
			if b < n {
				return b
			}
			if len(halves) == 0 {
				r := random()
				halves = []int{int(r % (2 << i)), int(r >> 32 % (2 << i))}
			}
			b, halves = halves[0], halves[1:]
		}
	}
	return 0
}
