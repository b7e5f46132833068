package selector

import "slices"

// owed returns how many slots a racer lacks to its floor.
func (m *racer) owed() uint32 { return m.room - min(m.room, m.spare) }

// debt returns how many slots all racers lack to their floors.
func (r *race) debt() int {
	sum := 0
	for i := range r.racers {
		sum += int(r.racers[i].owed())
	}
	return sum
}

// settle is for the window in which racers took too many slots beyond their
// floors, so that fewer are free than are owed. From the first of these on, all
// that was taken in the window is taken back. The window opens again for the
// racers below their floors alone, whose debt is all that is free.
func (r *race) settle(tooMany int) {
	end := r.firstTooMany(tooMany)
	for slot := range r.free.without(r.rest) {
		if m := r.owner(slot); !r.at(m.place, slot).before(end) {
			m.room++
			r.rest.add(slot)
			r.taken--
		}
	}
	for i := range r.racers {
		m := &r.racers[i]
		m.room, m.spare, m.rank = m.owed(), 0, r.paces[m.pace].start
	}
	for i := range r.paces {
		r.paces[i].end = r.paces[i].start
	}
	r.now = r.start
}

// firstTooMany returns the arrival that took the first slot too many. What a
// racer owns beyond its floor is what it took last.
func (r *race) firstTooMany(tooMany int) bid {
	beyond := make([]uint32, len(r.racers)) // how many slots beyond its floor a racer owns
	for i := range r.racers {
		m := &r.racers[i]
		beyond[i] = m.spare - min(m.spare, m.room)
	}
	var late []award
	for slot := range r.free.without(r.rest) {
		if place := r.owners[slot]; beyond[r.positions[place]] > 0 {
			late = append(late, award{r.at(uint32(place), slot), slot})
		}
	}
	slices.SortFunc(late, latestFirst)
	next := 0
	for ; tooMany > 0; next++ {
		if i := r.positions[r.owners[late[next].slot]]; beyond[i] > 0 {
			beyond[i]--
			tooMany--
		}
	}
	return late[next-1].bid
}
