package place

import (
	"maps"
	"math/big"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Resilient returns the owner of each bucket by ID, given who owned them in the
// group before: nobody at first.
func Resilient(before, after []Member, owners []string, seed uint64) []string {
	next := slices.Clone(owners)
	held, weight, lost, won := map[string]int{}, map[string]uint32{}, map[string]bool{}, map[string]bool{}
	for _, m := range before {
		weight[m.ID] = m.Weight
	}
	var members []Member // of positive weight, in order of ID
	for _, i := range byID(after) {
		if m := after[i]; m.Weight > 0 {
			members = append(members, m)
			held[m.ID] = 0
			lost[m.ID], won[m.ID] = m.Weight < weight[m.ID], m.Weight > weight[m.ID]
		}
	}
	free := 0
	for b, id := range next {
		if _, ok := held[id]; ok {
			held[id]++
		} else {
			next[b] = ""
			free++
		}
	}
	target := maps.Clone(held)
	excess := func(m Member) *big.Rat {
		due := big.NewRat(int64(len(owners))*int64(m.Weight), int64(total(members)))
		return new(big.Rat).Sub(big.NewRat(int64(target[m.ID]), 1), due)
	}
	// extreme returns the first of the members that take part and have the
	// greatest excess times sign.
	extreme := func(sign int, takesPart func(id string) bool) *Member {
		var best *Member
		for i := range members {
			m := &members[i]
			if takesPart(m.ID) && (best == nil || excess(*m).Cmp(excess(*best))*sign > 0) {
				best = m
			}
		}
		return best
	}
	anybody := func(string) bool { return true }
	for range free {
		target[extreme(-1, anybody).ID]++
	}
	for {
		gap := func(from, to *Member) *big.Rat {
			if from == nil || to == nil {
				return new(big.Rat)
			}
			return new(big.Rat).Sub(excess(*from), excess(*to))
		}
		from, to := extreme(1, func(id string) bool { return lost[id] }), extreme(-1, anybody)
		if rich, taker := extreme(1, anybody), extreme(-1, func(id string) bool { return won[id] }); gap(rich,
			taker).Cmp(gap(from, to)) > 0 {
			from, to = rich, taker
		}
		if gap(from, to).Cmp(big.NewRat(1, 1)) <= 0 {
			break
		}
		target[from.ID]--
		target[to.ID]++
	}
	d := xxhash.NewWithSeed(seed)
	for _, m := range members {
		_, _ = d.WriteString(m.ID + "\x00")
	}
	visits := make([]int, len(owners))
	for i := range visits {
		visits[i] = i
	}
	state := d.Sum64()
	for i := range visits {
		state += 0x9e3779b97f4a7c15
		j := i + scale(SplitMix(state), len(visits)-i)
		visits[i], visits[j] = visits[j], visits[i]
		b := visits[i]
		from := next[b]
		if from != "" && held[from] <= target[from] {
			continue
		}
		// The first member that has too few: of the others, if the bucket may
		// go to them, then of the winners.
		for _, winners := range []bool{false, true} {
			if !winners && from != "" && !lost[from] {
				continue
			}
			k := slices.IndexFunc(members, func(m Member) bool {
				return won[m.ID] == winners &&
					held[m.ID] < target[m.ID]
			})
			if k >= 0 {
				if from != "" {
					held[from]--
				}
				next[b] = members[k].ID
				held[next[b]]++
				break
			}
		}
	}
	return next
}
