package selector

import "slices"

// award is the arrival of the owner of a slot.
type award struct {
	bid
	slot uint32
}

// endgame gives each slot that is left to the racer that may have it and
// arrives first, the earliest arrival first.
func (r *race) endgame() []award {
	awards := make([]award, 0, r.left)
	wanted := make([]uint32, len(r.weights))
	for slot := range r.free.all() {
		a := r.first(slot)
		awards = append(awards, a)
		wanted[a.place]++
	}
	room, spare := make([]uint32, len(r.weights)), make([]uint32, len(r.weights))
	agreed := true // on the first arrivals
	for i := range r.racers {
		m := &r.racers[i]
		room[m.place], spare[m.place] = m.room, m.spare
		agreed = agreed && m.owed() <= wanted[m.place] && wanted[m.place] <= m.room
	}
	if agreed {
		return awards
	}
	slices.SortFunc(awards, latestFirst)
	final, debt := make([]award, 0, r.left), r.debt()
	for len(awards) > 0 {
		last := len(awards) - 1
		a := awards[last]
		awards = awards[:last]
		owed, allOwed := room[a.place] > spare[a.place], debt > last
		if owed || room[a.place] > 0 && !allOwed {
			if owed {
				debt--
			}
			room[a.place]--
			final = append(final, a)
			continue
		}
		r.racers = slices.DeleteFunc(r.racers, func(m racer) bool {
			return room[m.place] == 0 || allOwed && room[m.place] <= spare[m.place]
		})
		a = r.first(a.slot)
		i, _ := slices.BinarySearchFunc(awards, a, latestFirst)
		awards = slices.Insert(awards, i, a)
	}
	return final
}

// latestFirst orders different arrivals.
func latestFirst(a, b award) int {
	if a.before(b.bid) {
		return 1
	}
	return -1
}

// first returns the first arrival at a slot. Most racers are told to be later by
// their time alone.
func (r *race) first(slot uint32) award {
	best := r.at(r.racers[0].place, slot)
	for i := 1; i < len(r.racers); i++ {
		m := &r.racers[i]
		rank := m.permutation.rank(slot) & r.mask
		if less(best.cost, uint64(r.weights[m.place]), r.time(rank), best.weight) {
			continue
		}
		if a := r.arrival(m.place, rank); a.before(best) {
			best = a
		}
	}
	return award{best, slot}
}

// raceRanking ranks members for a slot by the order in which they arrive at it.
type raceRanking struct {
	raceOrder

	index []int32 // place to member, in order of ID
}

// next implements preference.
func (o *raceRanking) next(slot int, owner, after int32) int32 {
	if after == owner {
		return o.second(uint32(slot), owner)
	}
	last := slices.Index(o.index, after)
	if last < 0 {
		return -1
	}
	next := runnerUp{bound: o.at(uint32(last), uint32(slot))}
	for place, member := range o.index {
		if b := o.at(uint32(place), uint32(slot)); member != owner && next.wants(b) {
			next.offer(b)
		}
	}
	return next.member(o.index)
}

// second returns the first to arrive at a slot but for its owner, -1 if nobody
// is left. Look-ups wait for it while the owner is down, so most members are
// told to be later by their time alone.
func (o *raceRanking) second(slot uint32, owner int32) int32 {
	var best bid // of weight 0: none
	for place, member := range o.index {
		rank := o.permutations[place].rank(slot) & o.mask
		if less(best.cost, uint64(o.weights[place]), o.time(rank), best.weight) || member == owner {
			continue
		}
		if b := o.arrival(uint32(place), rank); best.weight == 0 || b.before(best) {
			best = b
		}
	}
	if best.weight == 0 {
		return -1
	}
	return o.index[best.place]
}
