package place

import (
	"cmp"
	"container/heap"
	"iter"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Unlimited is the slack of a Bounded table without caps.
const Unlimited = -1

// Bounded returns the owner of each slot: all claims of all members, in order,
// are granted where the slot is free and the member is below its cap. Slack is
// in thousandths.
func Bounded(members []Member, slots, slack int, seed uint64) []int {
	race := newRace(members, slots, seed)
	var all []reach
	for i, m := range members {
		for rank := 0; m.Weight > 0 && rank < slots; rank++ {
			all = append(all, reach{i, rank})
		}
	}
	slices.SortFunc(all, race.compare)
	return race.grant(slices.Values(all), BoundedCaps(members, slots, slack, seed))
}

// BoundedMerge is Bounded for large tables: it merges the members' claims, of
// which each member's are in order, by a heap.
func BoundedMerge(members []Member, slots, slack int, seed uint64) []int {
	race, caps := newRace(members, slots, seed), BoundedCaps(members, slots, slack, seed)
	next := &queue{race: race}
	for i, m := range members {
		if m.Weight > 0 {
			heap.Push(next, reach{i, 0})
		}
	}
	merged := func(yield func(reach) bool) {
		for len(next.heads) > 0 {
			c := next.heads[0]
			if caps[c.member] > 0 && !yield(c) {
				return
			}
			if next.heads[0].rank++; next.heads[0].rank == slots || caps[c.member] == 0 {
				heap.Pop(next)
			} else {
				heap.Fix(next, 0)
			}
		}
	}
	return race.grant(merged, caps)
}

// grant returns the owners when claims come in the order given.
func (r *race) grant(claims iter.Seq[reach], caps []int) []int {
	owners, free := slices.Repeat([]int{-1}, r.slots), r.slots
	for c := range claims {
		if slot := r.slot(c); owners[slot] < 0 && caps[c.member] > 0 {
			owners[slot] = c.member
			caps[c.member]--
			free--
		}
		if free == 0 {
			break
		}
	}
	return owners
}

// queue is a heap of the members' next claims.
type queue struct {
	race  *race
	heads []reach
}

func (q *queue) Len() int           { return len(q.heads) }
func (q *queue) Less(i, j int) bool { return q.race.compare(q.heads[i], q.heads[j]) < 0 }
func (q *queue) Swap(i, j int)      { q.heads[i], q.heads[j] = q.heads[j], q.heads[i] }
func (q *queue) Push(x any)         { q.heads = append(q.heads, x.(reach)) }

func (q *queue) Pop() any {
	last := q.heads[len(q.heads)-1]
	q.heads = q.heads[:len(q.heads)-1]
	return last
}

// BoundedOrder returns the members of positive weight in the order in which a
// slot prefers them: its owner, then in the order in which they reach it.
func BoundedOrder(members []Member, slots int, seed uint64, owner, slot int) []int {
	race := newRace(members, slots, seed)
	var all []reach
	for i, m := range members {
		for rank := 0; m.Weight > 0 && i != owner && rank < slots; rank++ {
			if c := (reach{i, rank}); race.slot(c) == slot {
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, race.compare)
	order := []int{owner}
	for _, c := range all {
		order = append(order, c.member)
	}
	return order
}

// BoundedCaps returns how many slots each member may own.
func BoundedCaps(members []Member, slots, slack int, seed uint64) []int {
	caps := make([]int, len(members))
	if slack == Unlimited {
		for i := range caps {
			caps[i] = slots
		}
		return caps
	}
	sum := uint64(slots*(1000+slack)+999) / 1000
	rest := sum
	excess := make([]int64, len(members))
	var order []int
	for _, i := range byID(members) {
		w := uint64(members[i].Weight)
		if w == 0 {
			continue
		}
		order = append(order, i)
		// below 2^64: 2^13 slots, slack of 10^5, any weight
		whole, remainder := sum*w/total(members), sum*w%total(members)
		fraction, _ := bits.Div64(remainder, 0, total(members))
		excess[i] = int64(fraction/2) - int64(boundedHash(members[i].ID, seed, 4)/2)
		caps[i] = int(whole)
		rest -= whole
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(excess[b], excess[a]),
			cmp.Compare(boundedHash(members[a].ID, seed, 4), boundedHash(members[b].ID, seed, 4)))
	})
	for _, i := range order[:rest] {
		caps[i]++
	}
	return caps
}

// boundedHash returns hash i, from 1 to 4: number i that SplitMix64 yields from
// the XXH64 of the ID under the seed.
func boundedHash(id string, seed uint64, i int) uint64 {
	d := xxhash.NewWithSeed(seed)
	_, _ = d.WriteString(id)
	return SplitMix(d.Sum64() + uint64(i)*0x9e3779b97f4a7c15)
}

// reach is the event that a member reaches the slot of a rank.
type reach struct{ member, rank int }

type race struct {
	slots   int
	members []Member
	hashes  [][3]uint64
	clock   []uint64
}

func newRace(members []Member, slots int, seed uint64) *race {
	r := &race{slots: slots, members: members}
	for _, m := range members {
		r.hashes = append(r.hashes, [3]uint64{
			boundedHash(m.ID, seed, 1), boundedHash(m.ID, seed, 2), boundedHash(m.ID, seed, 3),
		})
	}
	at := uint64(1<<57) / uint64(slots)
	for rank := range slots {
		if rank > 0 {
			at += uint64(1<<58) / uint64(slots-rank)
		}
		r.clock = append(r.clock, at)
	}
	return r
}

func (r *race) slot(c reach) int {
	h := r.hashes[c.member]
	offset, skip, bend, rank := h[0]&0xffffffff, h[1]&0xffffffff|1, h[1]>>32, uint64(c.rank)
	return int((offset + skip*rank + 2*bend*(rank*(rank-1))) % uint64(r.slots))
}

// compare orders by clock[rank]/weight, then rank, then the third hash and ID:
// up in even ranks, down in odd ones.
func (r *race) compare(a, b reach) int {
	ahi, alo := bits.Mul64(r.clock[a.rank], uint64(r.members[b.member].Weight))
	bhi, blo := bits.Mul64(r.clock[b.rank], uint64(r.members[a.member].Weight))
	if c := cmp.Or(cmp.Compare(ahi, bhi), cmp.Compare(alo, blo), cmp.Compare(a.rank, b.rank)); c != 0 {
		return c
	}
	c := cmp.Or(cmp.Compare(r.hashes[a.member][2], r.hashes[b.member][2]),
		cmp.Compare(r.members[a.member].ID, r.members[b.member].ID))
	if a.rank%2 == 1 {
		return -c
	}
	return c
}
