package selector

import (
	"fmt"
	"math/bits"
	"slices"
)

// Memento is MementoHash (Coluzzi, Brocco, Antonucci and Leidi, "MementoHash: A
// Stateful, Minimal Memory, Best Performing Consistent Hash Algorithm", 2023)
// over JumpBackHash (Ertl 2024), which places a hash on one of n buckets. A
// removed bucket remembers how many buckets were working after its removal, and
// rehashes its keys evenly over those. A member that joins gets the bucket that
// was removed last, or a new one.
//
// A look-up hashes 1 + ln(n/members) times and reads n/members buckets on
// average, where n is the most members that the group had and others left in
// random order: a bucket other than the last is never given up.
// Memory is 4 bytes a bucket and some 30 a member. Building and rebuilding take
// O(n) time. The balance is that of a random draw, and each change moves only
// the hashes that must move.
//
// Placement is NOT history-free: see [Anchor] for what that means, for weights
// and for the order of preference.
//
// Choose Memento over [Anchor] where the group may grow without limit or memory
// counts, and over [Jump] wherever a log of changes exists: it is faster, and
// any member may leave.
type Memento struct {
	// Seed seeds the order of members after the second.
	Seed uint64
}

// Build implements [Strategy]. The errors are those of [Validate], and
// ErrUnequal.
func (m Memento) Build(members []Member) (Selector, error) {
	l, err := newEqualLineup(members)
	if err != nil {
		return nil, err
	}
	s := &memento{newFallback(m.Seed, members), m, newRoster(members), mementoBuckets{}}
	s.roster.admit(&s.buckets, l.index)
	return s, nil
}

// Minimal implements [Minimal]: it is true.
func (Memento) Minimal() bool { return true }

// String returns the strategy as [ParseStrategy] reads it.
func (m Memento) String() string { return strategyText(m) }

func (m Memento) identity() string { return identityOf("memento", m.Seed) }

type memento struct {
	fallback

	strategy Memento
	roster   roster
	buckets  mementoBuckets
}

// Rebuild implements [Rebuilder].
func (s *memento) Rebuild(members []Member, prev []int32) (Selector, error) {
	l, err := newEqualLineup(members)
	if err != nil {
		return nil, err
	}
	next := s.buckets.clone()
	roster, err := s.roster.succeed(&next, members, &l, prev)
	if err != nil {
		return nil, err
	}
	return &memento{newFallback(s.strategy.Seed, members), s.strategy, roster, next}, nil
}

func (s *memento) Select(h uint64) int32 {
	b, _ := s.buckets.find(h)
	return s.buckets.entries[b].member()
}

func (s *memento) String() string { return fmt.Sprintf("memento of %d members", len(s.roster.ids)) }

func (s *memento) SelectBatch(dst []int32, hashes []uint64) {
	if len(s.buckets.removed) > 0 {
		selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
		return
	}
	entries := s.buckets.entries
	selectEach(dst, hashes, func(h uint64) int32 { return entries[jumpBack(h, uint32(len(entries)))].member() })
}

// Next implements [Ranker], in O(N) time. It is -1 for a drained or unknown
// member.
func (s *memento) Next(h uint64, after int32) int32 {
	b, last := s.buckets.find(h)
	owner, heir := s.buckets.entries[b].member(), int32(-1)
	if s.buckets.working() > 1 {
		heir = s.buckets.entries[s.buckets.heir(last, b)].member()
	}
	return s.following(h, owner, heir, after)
}

// A mementoEntry holds the member of a bucket in its upper half. Its lower half
// is 0 for a working bucket; for a removed one it is 1 + the number of buckets
// that were working after its removal, and that number is also the bucket that
// took its place.
type mementoEntry uint32

func (e mementoEntry) after() uint32 { return uint32(e & 0xffff) }
func (e mementoEntry) member() int32 { return int32(e >> 16) }

type mementoBuckets struct {
	entries []mementoEntry
	removed []uint16 // a stack
}

func (s *mementoBuckets) working() int { return len(s.entries) - len(s.removed) }

func (s *mementoBuckets) remove(b uint32) {
	if len(s.removed) == 0 && int(b) == len(s.entries)-1 {
		s.entries = s.entries[:b]
		return
	}
	s.entries[b] = mementoEntry(s.working())
	s.removed = append(s.removed, uint16(b))
}

// add returns the bucket that the next member gets.
func (s *mementoBuckets) add() uint32 {
	if k := len(s.removed) - 1; k >= 0 {
		b := s.removed[k]
		s.removed = s.removed[:k]
		return uint32(b)
	}
	s.entries = append(s.entries, 0)
	return uint32(len(s.entries) - 1)
}

func (s *mementoBuckets) assign(b uint32, member int) { s.entries[b] = mementoEntry(member) << 16 }

func (s *mementoBuckets) clone() mementoBuckets {
	return mementoBuckets{slices.Clone(s.entries), slices.Clone(s.removed)}
}

// find returns the working bucket that h ends in, and what h has become on the
// way.
func (s *mementoBuckets) find(h uint64) (uint32, uint64) {
	entries := s.entries
	b := jumpBack(h, uint32(len(entries)))
	for after := entries[b].after(); after > 0; {
		h = rehash(h, b)
		hi, _ := bits.Mul64(h, uint64(after-1))
		b = uint32(hi)
		next := entries[b].after()
		for next >= after { // removed before: who had its place then?
			b = next - 1
			next = entries[b].after()
		}
		after = next
	}
	return b, h
}

// heir returns the bucket that find would return if the working bucket b had
// just been removed, given h as find returns it.
func (s *mementoBuckets) heir(h uint64, b uint32) uint32 {
	if len(s.removed) == 0 && int(b) == len(s.entries)-1 {
		return jumpBack(h, b)
	}
	left := uint32(s.working() - 1)
	hi, _ := bits.Mul64(rehash(h, b), uint64(left))
	c := uint32(hi)
	for {
		if c == b {
			c = left
		}
		after := s.entries[c].after()
		if after == 0 {
			return c
		}
		c = after - 1
	}
}
