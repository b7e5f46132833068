package selector

import (
	"fmt"
	"math"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// DefaultBuckets is the number of buckets of a [Resilient] that names none.
const DefaultBuckets = 1 << 16

// Resilient is a table of buckets that change hands only where they must, as in
// the resilient hashing of switches: a bucket keeps its member while that is in
// the group and not due less. It does exactly what such tables are bought for;
// for one that does what Linux does, which moves more, see [LinuxResilient].
//
// Each member is due buckets in proportion to its weight. On a change, the
// buckets of members that left go one by one to the member that is then
// furthest below its due, of equals the first in order of ID. Then, while there
// is a member whose weight fell, or that was given one, and whose excess over
// its due is more than one bucket greater than that of a member further below,
// it gives that one a bucket; and likewise whoever has the greatest excess
// gives to one that joined or whose weight grew. Which of its buckets a member
// gives is drawn from Seed and the IDs of the members.
//
// So each change moves the fewest buckets possible, and the disruption ratio is
// 1, weight changes included. At equal weights shares are always within one
// bucket of each other. At unequal weights they are so when the group is built;
// later they may be off by a few buckets, since members whose weights did not
// change never trade among themselves. A group that is emptied forgets its
// past.
//
// A look-up takes O(1) time. The table takes a byte a bucket for up to 256
// members, two bytes for more. Building and rebuilding take O(M) time for M
// buckets, and O(log N) more for each bucket that moves. Placement is NOT
// history-free: the selector is a [Rebuilder], and routers that share flows
// must apply one ordered log of changes from the same start. [View.Fingerprint]
// includes the history. Where there is no such log, use a history-free table.
//
// The selector is a [Tabled] and a [Ranker], of type *[ResilientTable]. After
// the owner of a bucket, members follow in the order in which [Rendezvous]
// ranks them for the bucket, in proportion to weights.
type Resilient struct {
	// Buckets is the number of buckets, from the number of members of positive
	// weight to [MaxTableSize]. 0 means DefaultBuckets. Fewer look up faster
	// where there are many groups, and are coarser.
	Buckets uint32

	// Seed makes groups with the same members place independently.
	Seed uint64
}

// Build implements [Strategy]. The errors are those of [Validate], and
// ErrTableSize.
func (r Resilient) Build(members []Member) (Selector, error) {
	prev := make([]int, len(members))
	for i := range prev {
		prev[i] = -1
	}
	return r.follow(members, nil, prev, func(owners []int32, _ []int32) {
		for bucket := range owners {
			owners[bucket] = -1
		}
	})
}

func (r Resilient) buckets() uint32 {
	if r.Buckets == 0 {
		return DefaultBuckets
	}
	return r.Buckets
}

func (r Resilient) identity() string {
	return "resilient/" + strconv.FormatUint(uint64(r.buckets()), 10) + "/" + strconv.FormatUint(r.Seed, 10)
}

// follow builds the table that follows one of the members old. Inherit sets
// owners to the place of each bucket's owner, -1 where place has none for that
// member.
func (r Resilient) follow(
	members, old []Member, prev []int, inherit func(owners, place []int32),
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
	place := make([]int32, len(old))
	for i := range place {
		place[i] = -1
	}
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

	rank, err := newFallback(r.Seed, members)
	if err != nil {
		return nil, err
	}
	p := past{r, append([]Member(nil), members...)}
	if len(members) <= math.MaxUint8+1 {
		return newResilientTable[uint8](d.owners, l.index, rank, p), nil
	}
	return newResilientTable[uint16](d.owners, l.index, rank, p), nil
}

func (r Resilient) checkBuckets(members int) error {
	e := &GroupError{Err: ErrTableSize, Index: -1, Value: uint64(r.buckets())}
	switch {
	case uint64(members) > uint64(r.buckets()):
		e.Err, e.Limit = fmt.Errorf("%w: fewer buckets than members", ErrTableSize), uint64(members)
	case r.buckets() > MaxTableSize:
		e.Err, e.Limit = fmt.Errorf("%w: too many buckets", ErrTableSize), MaxTableSize
	default:
		return nil
	}
	return e
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

// ResilientTable is the selector of [Resilient]: a [RankedTable] that is a
// [Rebuilder] as well.
type ResilientTable[E Entry] struct {
	RankedTable[E]
	past past
}

// past is what a ResilientTable was built from.
type past struct {
	strategy Resilient
	members  []Member
}

func newResilientTable[E Entry](owners, index []int32, rank fallback, p past) *ResilientTable[E] {
	t := &ResilientTable[E]{RankedTable[E]{Table[E]{make([]E, len(owners))}, bucketOrder{rank}}, p}
	for bucket, place := range owners {
		t.slots[bucket] = E(index[place])
	}
	return t
}

// Rebuild implements [Rebuilder].
func (t *ResilientTable[E]) Rebuild(members []Member, prev []int) (Selector, error) {
	return t.past.strategy.follow(members, t.past.members, prev, func(owners, place []int32) {
		for bucket, i := range t.slots {
			owners[bucket] = place[i]
		}
	})
}

// bucketOrder ranks members for a bucket as rendezvous hashing does.
type bucketOrder struct{ fallback }

// next implements preference.
func (o bucketOrder) next(bucket, owner, after int) int {
	return o.following(mix64(uint64(bucket)), owner, -1, after)
}
