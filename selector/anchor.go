package selector

import (
	"fmt"
	"math/bits"
	"slices"
)

// Anchor is AnchorHash (Mendelson, Vargaftik, Barabash, Lorenz, Keslassy and
// Orda, "AnchorHash: A Scalable Consistent Hash", IEEE/ACM Transactions on
// Networking 2021). A hash is placed on one of Capacity buckets. A removed
// bucket remembers how many buckets were working after its removal, and
// rehashes its keys evenly over those. A member that joins gets the bucket that
// was removed last.
//
// A look-up takes 1 + ln(capacity/members) steps on average. Memory is 14 bytes
// a bucket and some 30 a member. Building and rebuilding take O(capacity) time.
// The balance is that of a random draw, and each change moves only the hashes
// that must move.
//
// Placement is NOT history-free: the selector is a [Rebuilder], and where
// hashes go depends on the order in which members came and went. Routers that
// share flows must apply one log of changes from the same start.
// [View.Fingerprint] includes the history. One change applies removals, then
// additions, each in order of ID.
//
// Positive weights must be equal, else the error is [ErrUnequal]; a drained
// member counts as removed. The second choice of a hash is where it would go if
// its member left; the others follow by rendezvous.
//
// Choose Anchor for many members that change often.
type Anchor struct {
	// Capacity is the greatest number of members of positive weight that the
	// group may ever have, at most MaxMembers. It is part of placement, and
	// the nearer it is to the number of members, the faster are look-ups. A
	// group that grows beyond it is refused with ErrCapacity, and stays as it
	// was. 0 means twice the members that the selector is first built with, and
	// at least 16.
	Capacity uint32

	// Seed seeds the order of members after the second.
	Seed uint64
}

// Build implements [Strategy]. The errors are those of [Validate], ErrUnequal,
// ErrCapacity, and ErrParameter for a Capacity beyond MaxMembers.
func (a Anchor) Build(members []Member) (Selector, error) {
	l, err := newEqualLineup(members)
	if err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	capacity := int(a.Capacity)
	switch {
	case a.Capacity == 0:
		capacity = min(max(2*len(l.index), 16), MaxMembers)
	case capacity < len(l.index):
		return nil, &GroupError{Err: ErrCapacity, Index: -1, Value: uint64(len(l.index)), Limit: uint64(capacity)}
	}
	s := &anchor{newFallback(a.Seed, members), a, newRoster(members), newAnchorBuckets(capacity)}
	s.roster.admit(&s.buckets, l.index)
	return s, nil
}

// Minimal implements [Minimal]: it is true.
func (Anchor) Minimal() bool { return true }

func (a Anchor) check() error { return checkParameter(a.Capacity, MaxMembers) }

// String returns the strategy as [ParseStrategy] reads it.
func (a Anchor) String() string { return strategyText(a) }

func (a Anchor) identity() string { return identityOf("anchor", uint64(a.Capacity), a.Seed) }

type anchor struct {
	fallback

	strategy Anchor
	roster   roster
	buckets  anchorBuckets
}

// Rebuild implements [Rebuilder].
func (s *anchor) Rebuild(members []Member, prev []int32) (Selector, error) {
	l, err := newEqualLineup(members)
	if err != nil {
		return nil, err
	}
	if capacity := len(s.buckets.entries); len(l.index) > capacity {
		return nil, &GroupError{Err: ErrCapacity, Index: -1, Value: uint64(len(l.index)), Limit: uint64(capacity)}
	}
	next := s.buckets.clone()
	roster, err := s.roster.succeed(&next, members, &l, prev)
	if err != nil {
		return nil, err
	}
	return &anchor{newFallback(s.strategy.Seed, members), s.strategy, roster, next}, nil
}

func (s *anchor) Select(h uint64) int32 {
	e, _, _ := s.buckets.find(h)
	return e.member()
}

func (s *anchor) String() string { return fmt.Sprintf("anchor of %d buckets", len(s.buckets.entries)) }

func (s *anchor) SelectBatch(dst []int32, hashes []uint64) {
	selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
}

// Next implements [Ranker], in O(N) time. It is -1 for a drained or unknown
// member.
func (s *anchor) Next(h uint64, after int32) int32 {
	e, b, last := s.buckets.find(h)
	heir := int32(-1)
	if s.buckets.working > 1 {
		heir = s.buckets.heir(last, b).member()
	}
	return s.following(h, e.member(), heir, after)
}

// An anchorEntry is all that a look-up reads of a bucket. Its lowest 16 bits
// are the number of buckets that were working after its removal, 0 for a
// working one; the next 16 the bucket that took its place; the upper half the
// member.
type anchorEntry uint64

func (e anchorEntry) then() uint32      { return uint32(e & 0xffff) }
func (e anchorEntry) successor() uint32 { return uint32(e >> 16 & 0xffff) }
func (e anchorEntry) member() int32     { return int32(e >> 32) }

// anchorBuckets are the paper's arrays, whose names stand beside. The first
// working ones of the order of buckets have members.
type anchorBuckets struct {
	entries []anchorEntry // A and K
	order   []uint16      // W
	place   []uint16      // L: where each bucket is, or was, in order
	removed []uint16      // R: a stack
	working int           // N
}

// newAnchorBuckets returns buckets that are all removed, the last one first.
func newAnchorBuckets(capacity int) anchorBuckets {
	s := anchorBuckets{
		entries: make([]anchorEntry, capacity),
		order:   make([]uint16, capacity),
		place:   make([]uint16, capacity),
		removed: make([]uint16, 0, capacity),
	}
	for b := range capacity {
		s.order[b], s.place[b] = uint16(b), uint16(b)
	}
	for b := capacity - 1; b >= 0; b-- {
		s.entries[b] = anchorEntry(b<<16 | b)
		s.removed = append(s.removed, uint16(b))
	}
	return s
}

func (s *anchorBuckets) clone() anchorBuckets {
	return anchorBuckets{
		slices.Clone(s.entries), slices.Clone(s.order), slices.Clone(s.place), slices.Clone(s.removed), s.working,
	}
}

func (s *anchorBuckets) remove(b uint32) {
	s.removed = append(s.removed, uint16(b))
	s.working--
	last := s.order[s.working]
	s.order[s.place[b]] = last
	s.place[last] = s.place[b]
	s.entries[b] = anchorEntry(uint64(last)<<16 | uint64(s.working))
}

// add returns the bucket that was removed last to the working ones.
func (s *anchorBuckets) add() uint32 {
	b := s.removed[len(s.removed)-1]
	s.removed = s.removed[:len(s.removed)-1]
	s.place[s.order[s.working]] = uint16(s.working)
	s.order[s.place[b]] = b
	s.working++
	return uint32(b)
}

func (s *anchorBuckets) assign(b uint32, member int) { s.entries[b] = anchorEntry(member) << 32 }

// find returns the entry of the working bucket that h ends in, the bucket, and
// what h has become on the way.
func (s *anchorBuckets) find(h uint64) (anchorEntry, uint32, uint64) {
	entries := s.entries
	hi, _ := bits.Mul64(h, uint64(len(entries)))
	b, e := uint32(hi), entries[hi]
	for e.then() > 0 {
		then := e.then()
		h = rehash(h, b)
		hi, _ = bits.Mul64(h, uint64(then))
		b, e = uint32(hi), entries[hi]
		for e.then() >= then { // removed before: who had its place then?
			b = e.successor()
			e = entries[b]
		}
	}
	return e, b, h
}

// heir returns the entry that find would return if the working bucket b had
// just been removed, given h as find returns it.
func (s *anchorBuckets) heir(h uint64, b uint32) anchorEntry {
	last := uint32(s.order[s.working-1])
	hi, _ := bits.Mul64(rehash(h, b), uint64(s.working-1))
	c := uint32(hi)
	for {
		if c == b {
			c = last
		}
		e := s.entries[c]
		if e.then() == 0 {
			return e
		}
		c = e.successor()
	}
}
