// Package prior has models of rules that place the slots of a table by caps, or
// by permutations, and were known before selector.Bounded. They follow the
// rules, not anybody's code. All are for members of equal weight.
package prior

import (
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/cespare/xxhash/v2"
)

// A Rule returns the owner of each slot of a table, as an index of members. No
// member gets more slots than its cap. The caps add up to at least slots.
type Rule func(members []string, slots int, caps []int) []int32

// Roof returns caps of ceil(slots*(1000+slack)/1000/n) for each of n members:
// those of all the rules here, before Bounded.
func Roof(slots, n, slack int) []int {
	whole := 1000 * n
	return slices.Repeat([]int{(slots*(1000+slack) + whole - 1) / whole}, n)
}

// Exact returns caps that add up to ceil(slots*(1000+slack)/1000). They are
// rounded up for the members of the lowest hashes, so that a change of n moves
// few of them.
func Exact(members []string, slots, slack int) []int {
	n, all := len(members), (slots*(1000+slack)+999)/1000
	caps, order := slices.Repeat([]int{all / n}, n), make([]int, n)
	hashes := make([]uint64, n)
	for i, id := range members {
		order[i], hashes[i] = i, mix(xxhash.Sum64String(id)^roundingSeed)
	}
	slices.SortFunc(order, func(a, b int) int {
		if hashes[a] < hashes[b] {
			return -1
		}
		return 1
	})
	for _, i := range order[:all%n] {
		caps[i]++
	}
	return caps
}

const roundingSeed = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// scores are independent random numbers of each pair of member and slot.
type scores []uint64

func newScores(members []string) scores {
	s := make(scores, len(members))
	for i, id := range members {
		s[i] = xxhash.Sum64String(id)
	}
	return s
}

func (s scores) of(member int32, slot int) uint64 {
	return mix(s[member] ^ mix(uint64(slot)+roundingSeed))
}

// Serial gives each slot in turn to the member of the greatest score that has
// room: rendezvous with bounded loads, as in joladev/hrw and eiri/go-hrw, and
// the random jumps of Chen, Coleman and Shrivastava (arXiv 1908.08762). Time is
// O(slots*members).
func Serial(members []string, slots int, caps []int) []int32 {
	s, owners, room := newScores(members), make([]int32, slots), slices.Clone(caps)
	for slot := range owners {
		owner, best := int32(-1), uint64(0)
		for i := range s {
			if score := s.of(int32(i), slot); room[i] > 0 && (owner < 0 || score > best) {
				owner, best = int32(i), score
			}
		}
		owners[slot] = owner
		room[owner]--
	}
	return owners
}

// Greedy goes through all pairs of member and slot by descending score, and
// gives a free slot to a member that has room, as gadget-inc/silo does with its
// shards. It asks the slots one by one, since the result is the only stable
// matching: a slot turns to its next member where it is refused or displaced.
// Time is O(members) for each of these turns.
func Greedy(members []string, slots int, caps []int) []int32 {
	s, owners := newScores(members), make([]int32, slots)
	held := make([]heap, len(members)) // the slots of each member, the least score first
	for slot := range owners {
		last := ^uint64(0)
		for at := slot; at >= 0; {
			owner, best := int32(-1), uint64(0)
			for i := range s {
				if score := s.of(int32(i), at); score < last && (owner < 0 || score > best) {
					owner, best = int32(i), score
				}
			}
			owners[at] = owner
			next := held[owner].keep(bid{best, at}, caps[owner])
			at, last = next.slot, next.score
		}
	}
	return owners
}

type bid struct {
	score uint64
	slot  int // -1 is none
}

// A heap has the bid of the least score first.
type heap []bid

// keep adds a bid and returns the one that has to go, if there are more than a
// cap.
func (h *heap) keep(b bid, most int) bid {
	if len(*h) < most {
		*h = append(*h, b)
		for i := len(*h) - 1; i > 0 && (*h)[i].score < (*h)[(i-1)/2].score; i = (i - 1) / 2 {
			(*h)[i], (*h)[(i-1)/2] = (*h)[(i-1)/2], (*h)[i]
		}
		return bid{slot: -1}
	}
	if most == 0 || b.score < (*h)[0].score {
		return b
	}
	gone, list := (*h)[0], *h
	list[0] = b
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(list); child++ {
			if list[child].score < list[least].score {
				least = child
			}
		}
		if least == i {
			return gone
		}
		list[i], list[least] = list[least], list[i]
		i = least
	}
}

// ringPoints is how many points a member has on the ring.
const ringPoints = 20

// Ring gives each slot in turn to the first member with room, clockwise from
// the slot's point of a ring of 20 points a member: consistent hashing with
// bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018) as
// buraksezer/consistent has it. Time is O(slots*log(members)) where few members
// are full.
func Ring(members []string, slots int, caps []int) []int32 {
	type point struct {
		at     uint64
		member int32
	}
	var ring []point
	for i, id := range members {
		for k := range ringPoints {
			ring = append(ring, point{mix(xxhash.Sum64String(id) + uint64(k)*roundingSeed), int32(i)})
		}
	}
	slices.SortFunc(ring, func(a, b point) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	owners, room := make([]int32, slots), slices.Clone(caps)
	for slot := range owners {
		at := mix(uint64(slot) + roundingSeed)
		i := sort.Search(len(ring), func(i int) bool { return ring[i].at >= at }) % len(ring)
		for room[ring[i].member] == 0 {
			i = (i + 1) % len(ring)
		}
		owners[slot] = ring[i].member
		room[owners[slot]]--
	}
	return owners
}

// Walks lets each member walk its own random permutation of the slots. Its
// visit of a slot at a rank has a random time between that rank and the next.
// The earliest visitor owns the slot; caps do not count. This is ProbMinHash4
// (Ertl 2020), whose weights are equal here, which makes it SuperMinHash.
// Expected time is O(slots*log(slots)).
func Walks(members []string, slots int, _ []int) []int32 {
	type walk struct {
		random rand.PCG
		swaps  map[uint64]uint64 // of the permutation so far, where it is not the identity
	}
	walks := make([]walk, len(members))
	for i, id := range members {
		walks[i] = walk{*rand.NewPCG(xxhash.Sum64String(id), 0), map[uint64]uint64{}}
	}
	owners, times := slices.Repeat([]int32{-1}, slots), make([]uint64, slots)
	ranks := slices.Repeat([]int{-1}, slots)
	for rank, free := 0, slots; free > 0; rank++ {
		for i := range walks {
			slot := step(walks[i].swaps, &walks[i].random, uint64(rank), uint64(slots))
			time := walks[i].random.Uint64()
			switch {
			case owners[slot] < 0:
				free--
			case ranks[slot] < rank || times[slot] <= time:
				continue
			}
			owners[slot], times[slot], ranks[slot] = int32(i), time, rank
		}
	}
	return owners
}

// step returns the slot at a rank of a random permutation (Fisher and Yates),
// of which swaps has what is behind the ranks.
func step(swaps map[uint64]uint64, random *rand.PCG, rank, slots uint64) uint64 {
	at := func(i uint64) uint64 {
		if slot, ok := swaps[i]; ok {
			return slot
		}
		return i
	}
	chosen := rank + rand.New(random).Uint64N(slots-rank)
	slot := at(chosen)
	swaps[chosen] = at(rank)
	delete(swaps, rank)
	return slot
}
