package place

import (
	"cmp"
	"container/heap"
	"iter"
	"math/big"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Unlimited is the slack of a Bounded table without caps.
const Unlimited = -1

// Bounded returns the owner of each slot: all claims of all members, in order,
// are granted where the slot is free and the member is below its cap, and
// either below its floor, too, or the reserve is not used up. Slack is in
// thousandths.
func Bounded(members []Member, slots, slack int, seed uint64) []int {
	race := newRace(members, slots, seed)
	var all []reach
	for i, m := range members {
		for rank := 0; m.Weight > 0 && rank < slots; rank++ {
			all = append(all, reach{i, rank})
		}
	}
	slices.SortFunc(all, race.compare)
	return race.grant(slices.Values(all), newBounds(members, slots, slack, seed))
}

// BoundedMerge is Bounded for large tables: it merges the members' claims, of
// which each member's are in order, by a heap. It reports, too, whether the
// reserve was used up before the table was full.
func BoundedMerge(members []Member, slots, slack int, seed uint64) (owners []int, usedUp bool) {
	race, b := newRace(members, slots, seed), newBounds(members, slots, slack, seed)
	next := &queue{race: race}
	for i, m := range members {
		if m.Weight > 0 {
			heap.Push(next, reach{i, 0})
		}
	}
	merged := func(yield func(reach) bool) {
		for len(next.heads) > 0 {
			c := next.heads[0]
			if !yield(c) {
				return
			}
			if next.heads[0].rank++; next.heads[0].rank == slots || !b.allow(c.member) {
				heap.Pop(next)
			} else {
				heap.Fix(next, 0)
			}
		}
	}
	return race.grant(merged, b), b.usedUp
}

// bounds says how many slots members own and may own.
type bounds struct {
	owned, floors, caps []int
	reserve             int // how many slots may still be granted beyond floors
	usedUp              bool
}

func newBounds(members []Member, slots, slack int, seed uint64) *bounds {
	b := &bounds{
		owned:   make([]int, len(members)),
		floors:  BoundedFloors(members, slots, slack, seed),
		caps:    BoundedCaps(members, slots, slack, seed),
		reserve: slots,
	}
	for _, floor := range b.floors {
		b.reserve -= floor
	}
	return b
}

// allow reports whether a member may own one more slot.
func (b *bounds) allow(member int) bool {
	switch {
	case b.owned[member] == b.caps[member]:
		return false
	case b.owned[member] < b.floors[member] || b.reserve > 0:
		return true
	}
	b.usedUp = true
	return false
}

// grant counts a slot more.
func (b *bounds) grant(member int) {
	if b.owned[member] >= b.floors[member] {
		b.reserve--
	}
	b.owned[member]++
}

// grant returns the owners when claims come in the order given.
func (r *race) grant(claims iter.Seq[reach], b *bounds) []int {
	owners, free := slices.Repeat([]int{-1}, r.slots), r.slots
	for c := range claims {
		if slot := r.slot(c); owners[slot] < 0 && b.allow(c.member) {
			owners[slot] = c.member
			b.grant(c.member)
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
	if slack == Unlimited {
		return slices.Repeat([]int{slots}, len(members))
	}
	sum := (int64(slots)*int64(1000+slack) + 999) / 1000
	var due []*big.Rat
	for _, d := range dues(members) {
		due = append(due, d.Mul(d, big.NewRat(sum, 1)))
	}
	return apportion(members, due, seed)
}

// BoundedFloors returns how many slots each member owns at least: none with
// unlimited slack; else about three quarters of its due, but one slot where
// that is more and the due is not less, and the due where that is less than a
// slot. No floor exceeds the cap.
func BoundedFloors(members []Member, slots, slack int, seed uint64) []int {
	if slack == Unlimited {
		return make([]int, len(members))
	}
	slot := big.NewRat(1, 1)
	var targets []*big.Rat
	for _, due := range dues(members) {
		due.Mul(due, big.NewRat(int64(slots), 1))
		target := due
		if due.Cmp(slot) > 0 {
			target = new(big.Rat).Mul(due, big.NewRat(3, 4))
			if target.Cmp(slot) < 0 {
				target = slot
			}
		}
		targets = append(targets, target)
	}
	floors, caps := apportion(members, targets, seed), BoundedCaps(members, slots, slack, seed)
	for i := range floors {
		floors[i] = min(floors[i], caps[i])
	}
	return floors
}

// dues returns what each member is due of the whole, which is 1.
func dues(members []Member) (list []*big.Rat) {
	sum := int64(total(members))
	for _, m := range members {
		list = append(list, big.NewRat(int64(m.Weight), sum))
	}
	return list
}

// apportion turns shares into whole numbers: each share without its fraction,
// and one more for the members whose fraction exceeds a hash of their ID by
// most, as many as have room in the sum of the shares.
func apportion(members []Member, shares []*big.Rat, seed uint64) []int {
	whole, excess, hash := make([]int, len(members)), make([]int64, len(members)), make([]uint64, len(members))
	sum, rest := new(big.Rat), 0
	var order []int
	for _, i := range byID(members) {
		if members[i].Weight == 0 {
			continue
		}
		order = append(order, i)
		sum.Add(sum, shares[i])
		whole[i] = int(floor(shares[i]))
		rest -= whole[i]
		fraction := new(big.Rat).Sub(shares[i], big.NewRat(int64(whole[i]), 1))
		// half of 64 bits
		fraction.Mul(fraction, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 63)))
		hash[i] = boundedHash(members[i].ID, seed, 4)
		excess[i] = floor(fraction) - int64(hash[i]/2)
	}
	rest += int(floor(sum))
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(excess[b], excess[a]), cmp.Compare(hash[a], hash[b]))
	})
	for _, i := range order[:rest] {
		whole[i]++
	}
	return whole
}

// floor rounds a positive number down.
func floor(x *big.Rat) int64 { return new(big.Int).Quo(x.Num(), x.Denom()).Int64() }

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
