// Package prior has models of rules that place the slots of a table by caps, by
// permutations or by redrawing, and were known before selector.Bounded. They
// follow the rules, not anybody's code, and their time is nothing to compare.
package prior

import (
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// A Candidate is a member, or the same member with another weight.
type Candidate struct {
	ID     string
	Weight uint32
}

// Base is the weight of a candidate whose scores are not scaled.
const Base = 100

// A Rule returns the owner of each slot of a pool's table, as an index of its
// candidates. Only members, which are such indices too, own slots, and each no
// more than its cap. The caps add up to at least the slots.
type Rule func(p *Pool, members []int32, caps []int) []int32

// A Pool has what rules draw for each pair of candidate and slot, so that the
// tables of many groups of the candidates share it. It is not safe for
// concurrent use.
type Pool struct {
	candidates []Candidate
	slots      int
	hashes     []uint64
	best       []bid // of each slot, the depth best candidates in order
	depth      int
	ring       []point
	starts     []int32 // of each slot, the first point of the ring behind it
	walks      []walk
}

// A bid is the score of a candidate for a slot.
type bid struct {
	score uint64
	who   int32
}

// NewPool draws for candidates and a number of slots.
func NewPool(candidates []Candidate, slots int) *Pool {
	p := &Pool{candidates: candidates, slots: slots, depth: min(16, len(candidates))}
	for _, c := range candidates {
		p.hashes = append(p.hashes, xxhash.Sum64String(c.ID))
	}
	p.rank()
	p.newRing()
	p.walks = make([]walk, len(candidates))
	return p
}

// rank finds the best candidates of each slot.
func (p *Pool) rank() {
	p.best = make([]bid, p.slots*p.depth)
	for slot := range p.slots {
		list := p.best[slot*p.depth : (slot+1)*p.depth : (slot+1)*p.depth]
		last := len(list) - 1
		for i := range p.hashes {
			score := p.score(int32(i), slot)
			if i > last && score <= list[last].score {
				continue
			}
			at := min(i, last)
			for ; at > 0 && list[at-1].score < score; at-- {
				list[at] = list[at-1]
			}
			list[at] = bid{score, int32(i)}
		}
	}
}

// score is an independent random number of each pair of ID and slot, uniform at
// the weight Base, and else scaled as weighted rendezvous does.
func (p *Pool) score(who int32, slot int) uint64 {
	score := mix(p.hashes[who] ^ mix(uint64(slot)+odd))
	if w := p.candidates[who].Weight; w != Base {
		uniform := (float64(score>>12) + .5) / (1 << 52)
		score = uint64(min(math.Pow(uniform, Base/float64(w)), 1-1./(1<<53)) * (1 << 63) * 2)
	}
	return score
}

// choose returns the best member for a slot that has room, of those whose
// scores are below a limit.
func (p *Pool) choose(members []int32, room []int, slot int, below uint64) bid {
	best := bid{0, -1}
	for _, who := range members {
		if room[who] == 0 {
			continue
		}
		if score := p.score(who, slot); score < below && (best.who < 0 || score > best.score) {
			best = bid{score, who}
		}
	}
	return best
}

// rooms returns the caps by candidate: 0 for those that are no members.
func (p *Pool) rooms(members []int32, caps []int) []int {
	room := make([]int, len(p.candidates))
	for k, who := range members {
		room[who] = caps[k]
	}
	return room
}

// Roof returns caps of ceil(due*(1000+slack)/1000), those of all the rules here
// that have any, before Bounded.
func (p *Pool) Roof(members []int32, slack int) []int {
	caps, whole := make([]int, len(members)), 1000*p.weight(members)
	for k, who := range members {
		caps[k] = (p.slots*(1000+slack)*int(p.candidates[who].Weight) + whole - 1) / whole
	}
	return caps
}

// Exact returns caps that add up to ceil(slots*(1000+slack)/1000). They are
// rounded up for the members of the lowest hashes, so that a change of members
// moves few of them.
func (p *Pool) Exact(members []int32, slack int) []int {
	all, whole := (p.slots*(1000+slack)+999)/1000, p.weight(members)
	caps, order, left := make([]int, len(members)), make([]int, len(members)), all
	for k, who := range members {
		caps[k], order[k] = all*int(p.candidates[who].Weight)/whole, k
		left -= caps[k]
	}
	slices.SortFunc(order, func(a, b int) int {
		if mix(p.hashes[members[a]]^odd) < mix(p.hashes[members[b]]^odd) {
			return -1
		}
		return 1
	})
	for _, k := range order[:left] {
		caps[k]++
	}
	return caps
}

func (p *Pool) weight(members []int32) (sum int) {
	for _, who := range members {
		sum += int(p.candidates[who].Weight)
	}
	return sum
}

const odd = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
