package prior

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A walk is a random permutation of the slots, as far as it was asked for, with
// the times of the visits at the weight Base.
type walk struct {
	random *rand.Rand
	swaps  map[uint64]uint64 // of the permutation so far, where it is not the identity
	visits []visit
}

type visit struct {
	time float64
	slot int32
}

// visit returns the visit of a candidate at a rank. Its time is that of an
// exponential race between this rank's due time and the next.
func (p *Pool) visit(who int32, rank int) visit {
	w := &p.walks[who]
	if w.random == nil {
		w.random, w.swaps = rand.New(rand.NewPCG(p.hashes[who], 0)), map[uint64]uint64{}
	}
	for len(w.visits) <= rank {
		r := len(w.visits)
		slot := step(w.swaps, w.random, uint64(r), uint64(p.slots))
		time := -math.Log1p(-(float64(r) + w.random.Float64()) / float64(p.slots))
		w.visits = append(w.visits, visit{time, int32(slot)})
	}
	return w.visits[rank]
}

// Walks lets each member walk its own random permutation of the slots, at the
// pace of its weight. The earliest visitor owns a slot; caps do not count. This
// is ProbMinHash4 (Ertl 2020), at equal weights SuperMinHash. Members walk to a
// time that is raised until all slots were visited before.
func Walks(p *Pool, members []int32, _ []int) []int32 {
	owners, ranks := slices.Repeat([]int32{-1}, p.slots), make([]int, len(members))
	times := slices.Repeat([]float64{math.Inf(1)}, p.slots)
	paces, sum := make([]float64, len(members)), 0.
	for k, who := range members {
		paces[k] = float64(p.candidates[who].Weight) / Base
		sum += paces[k]
	}
	for limit := math.Log(float64(p.slots)) / sum; slices.Max(times) >= limit; limit *= 1.5 {
		for k, who := range members {
			for ; ranks[k] < p.slots; ranks[k]++ {
				if -math.Log1p(-float64(ranks[k])/float64(p.slots)) >= limit*paces[k] {
					break
				}
				v := p.visit(who, ranks[k])
				if time := v.time / paces[k]; time < times[v.slot] {
					owners[v.slot], times[v.slot] = who, time
				}
			}
		}
	}
	return owners
}

// step returns the slot at a rank of a random permutation (Fisher and Yates),
// of which swaps has what is behind the ranks.
func step(swaps map[uint64]uint64, random *rand.Rand, rank, slots uint64) uint64 {
	at := func(i uint64) uint64 {
		if slot, ok := swaps[i]; ok {
			return slot
		}
		return i
	}
	chosen := rank + random.Uint64N(slots-rank)
	slot := at(chosen)
	swaps[chosen] = at(rank)
	delete(swaps, rank)
	return slot
}
