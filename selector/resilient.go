package selector

import (
	"cmp"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// DefaultBuckets is the number of buckets of a [Resilient] that names none.
const DefaultBuckets = 1 << 16

// Resilient is a table of buckets that change hands only where they must, as
// resilient hashing promises. [LinuxResilient] does what Linux does.
//
// Each member is due buckets in proportion to its weight. On a change, the
// buckets of members that left go one by one to the member furthest below its
// due, of equals the first in order of ID. Then, while two excesses differ by
// more than one bucket, a member that lost weight gives a bucket to the member
// furthest below its due, or the member furthest above gives one to a member
// that joined or gained weight. Which bucket that is, is drawn from Seed and
// the IDs.
//
// So each change moves the fewest buckets possible. At equal weights shares are
// within one bucket of each other. At unequal weights they may be off by a few,
// since members that keep their weights never trade.
//
// A look-up takes O(1) time, building O(M) for M buckets and O(log N) for each
// that moves. Placement is NOT history-free: see [Anchor]. A group that is
// emptied forgets its past.
//
// The selector is a [Tabled] and a [Ranker]. After its owner, a bucket prefers
// members as [Rendezvous] ranks them for it.
type Resilient struct {
	// Buckets is the number of buckets, from the number of members of positive
	// weight to MaxTableSize. 0 means DefaultBuckets. Fewer are coarser, and
	// faster where many groups share a processor's cache.
	Buckets uint32

	// Seed makes groups with the same members place independently.
	Seed uint64
}

// Build implements [Strategy]. The errors are those of [Validate], and
// ErrTableSize.
func (r Resilient) Build(members []Member) (Selector, error) {
	return r.follow(members, nil, slices.Repeat([]int32{-1}, len(members)), func(owners []int32, _ []int32) {
		for bucket := range owners {
			owners[bucket] = -1
		}
	})
}

func (r Resilient) check() error { return r.checkBuckets(0) }

func (r Resilient) buckets() uint32 { return cmp.Or(r.Buckets, DefaultBuckets) }

// String returns the strategy as [ParseStrategy] reads it.
func (r Resilient) String() string { return strategyText(r) }

func (r Resilient) identity() string { return identityOf("resilient", uint64(r.buckets()), r.Seed) }

// follow builds the table that follows one of the members old. Inherit sets
// owners to the place of each bucket's owner, or to -1 where place has none for
// it.
func (r Resilient) follow(
	members, old []Member, prev []int32, inherit func(owners, place []int32),
) (Selector, error) {
	l, err := newLineup(members, false)
	if err != nil {
		return nil, err
	}
	if err := r.checkBuckets(len(l.index)); err != nil {
		return nil, err
	}
	if err := checkPrevious(members, prev, len(old)); err != nil {
		return nil, err
	}
	d := newDealer(&l, int(r.buckets()))
	place := slices.Repeat([]int32{-1}, len(old))
	for k, i := range l.index {
		before := uint32(0)
		if p := prev[i]; p >= 0 {
			before, place[p] = old[p].Weight, int32(k)
		}
		d.won[k], d.lost[k] = members[i].Weight > before, members[i].Weight < before
	}
	inherit(d.owners, place)
	d.settle()
	d.deal(r.dealSeed(members, &l))

	rank := newFallback(r.Seed, members)
	p := past{r, append([]Member(nil), members...)}
	if len(members) <= math.MaxUint8+1 {
		return newResilientTable[uint8](d.owners, l.index, rank, p), nil
	}
	return newResilientTable[uint16](d.owners, l.index, rank, p), nil
}

func (r Resilient) checkBuckets(members int) error {
	switch size := r.buckets(); {
	case uint64(members) > uint64(size):
		return tableSizeError("fewer buckets than members", size, members)
	case size > MaxTableSize:
		return tableSizeError("too many buckets", size, MaxTableSize)
	}
	return nil
}

// dealSeed depends on the IDs of the line-up.
func (r Resilient) dealSeed(members []Member, l *lineup) uint64 {
	d := xxhash.NewWithSeed(r.Seed)
	for _, i := range l.index {
		_, _ = d.WriteString(members[i].ID) // never fails
		_, _ = d.Write([]byte{0})
	}
	return d.Sum64()
}

// resilientTable is a rankedTable that is a [Rebuilder] as well.
type resilientTable[E entry] struct {
	rankedTable[E]
	past past
}

// past is what a resilientTable was built from.
type past struct {
	strategy Resilient
	members  []Member
}

func newResilientTable[E entry](owners, index []int32, rank fallback, p past) *resilientTable[E] {
	t := &resilientTable[E]{rankedTable[E]{table[E]{make([]E, len(owners))}, bucketOrder{rank}}, p}
	for bucket, place := range owners {
		t.slots[bucket] = E(index[place])
	}
	return t
}

// Rebuild implements [Rebuilder].
func (t *resilientTable[E]) Rebuild(members []Member, prev []int32) (Selector, error) {
	return t.past.strategy.follow(members, t.past.members, prev, func(owners, place []int32) {
		for bucket, i := range t.slots {
			owners[bucket] = place[i]
		}
	})
}

// bucketOrder ranks members for a bucket as rendezvous hashing does.
type bucketOrder struct{ fallback }

// next implements preference.
func (o bucketOrder) next(bucket int, owner, after int32) int32 {
	return o.following(mix64(uint64(bucket)), owner, -1, after)
}
