package selector

import (
	"math/bits"
	"slices"
)

// raceTable lets members race for the slots of a table. No place of the line-up
// gets more slots than its cap, or less than its floor. Nil floors are none.
func raceTable[E entry](order raceOrder, index []int32, caps, floors []uint32) *rankedTable[E] {
	size := int(order.mask) + 1
	t := &rankedTable[E]{table: table[E]{slots: make([]E, size)}}
	r := race{raceOrder: order, free: fullSlotSet(size), rest: fullSlotSet(size), left: size,
		owners: make([]uint16, size), positions: make([]uint16, len(caps))}
	r.line(caps, floors)
	for uint64(r.left)*uint64(len(r.racers)) > uint64(size/endgameShare) {
		r.window()
		if tooMany := r.debt() - (r.left - r.taken); tooMany > 0 {
			r.settle(tooMany)
		}
		r.close()
	}
	for _, a := range r.endgame() {
		r.owners[a.slot] = uint16(a.place)
	}
	for slot, place := range r.owners {
		t.slots[slot] = E(index[place])
	}
	t.preference = &raceRanking{order, index}
	return t
}

// To look for one more of the last free slots takes size/left steps. To ask
// every racer for its rank there takes endgameShare steps a racer.
const endgameShare = 12

// race is the state of a race. It handles arrivals by windows of the clock, and
// within a window member by member, since one by one in order would take a
// queue.
//
// The result is the same. A slot goes to the member that reaches it first, and
// a member takes the slots that it reaches first, up to its cap. Both rank a
// pair of member and slot by the same time of arrival, so there is exactly one
// stable matching. The offers of a window may come in any order, if a member
// that loses a slot goes on where it stopped (Gale and Shapley 1962; McVitie
// and Wilson 1971).
type race struct {
	raceOrder

	racers    []racer  // that may still get a slot, in order of weight
	positions []uint16 // of places in racers
	paces     []pace   // of the racers, in order of weight
	start     uint64   // of the last window, in units of 2^-58/unit
	now       uint64   // the end of the last window
	unit      uint64   // the greatest power of two not above the least weight
	left      int      // free slots at the end of the last window
	owners    []uint16 // the place that has each slot, if it is not free

	// The window that is open.
	free  slotSet    // the slots that were free when it opened
	rest  slotSet    // those of them that are free still
	taken int        // how many are not
	again []int32    // racers that lost a slot and have to go on
	hits  [64]uint32 // what freeSlots returns
}

type racer struct {
	permutation quadratic
	place       uint32
	rank        uint32 // the next
	room        uint32 // how many more slots it may own
	spare       uint32 // how many slots it may own beyond its floor
	pace        int32  // its index in paces
}

// pace is that of the racers of one weight. They are all at the same rank
// between two windows.
type pace struct {
	weight  uint64
	members int
	start   uint32 // the rank that the open window starts with
	end     uint32 // the rank that the open window ends before, and the next one starts with
}

// line lines up the racers that may have a slot.
func (r *race) line(caps, floors []uint32) {
	order := make([]uint64, 0, len(caps)) // weights in the high halves, places in the low ones
	for k, room := range caps {
		if room > 0 {
			order = append(order, uint64(r.weights[k])<<32|uint64(k))
		}
	}
	if r.clock != nil {
		slices.Sort(order)
	}
	r.racers = make([]racer, len(order))
	for i, o := range order {
		k := uint32(o)
		r.racers[i] = racer{permutation: r.permutations[k], place: k, room: caps[k], spare: caps[k]}
		if floors != nil {
			r.racers[i].spare -= floors[k]
		}
		r.positions[k] = uint16(i)
	}
	r.unit = 1 << (bits.Len32(r.weights[r.racers[0].place]) - 1)
	for i := range r.racers {
		w := uint64(r.weights[r.racers[i].place])
		last := len(r.paces) - 1
		if last < 0 || r.paces[last].weight != w {
			r.paces = append(r.paces, pace{weight: w})
			last++
		}
		r.paces[last].members++
		r.racers[i].pace = int32(last)
	}
}

// window opens a window and collects its offers.
func (r *race) window() {
	r.open()
	r.taken = 0
	for i := range r.racers {
		r.offer(int32(i))
		for len(r.again) > 0 {
			last := len(r.again) - 1
			again := r.again[last]
			r.again = r.again[:last]
			r.offer(again)
		}
	}
}

// open sets the end of the next window.
func (r *race) open() {
	// Longer windows mean fewer visits of racers, each of which costs as much
	// as some offers, but more offers that fail, since the slot was taken in
	// the same window. Both cost about the same if a window has arrivals for
	// one in 2*sqrt(left/racers) slots.
	target := uint64(max(int(r.mask+1)/2>>(bits.Len(uint(r.left/len(r.racers)))/2), len(r.racers)))
	r.start = r.now
	length := uint64(0)
	if r.clock == nil {
		length = (target + uint64(len(r.racers)) - 1) / uint64(len(r.racers))
	} else {
		rate := uint64(0) // slots per 2^-58 of the clock, times 2^58
		for i := range r.paces {
			p := &r.paces[i]
			rate += uint64(p.members) * p.weight * uint64(r.mask+1-p.end)
		}
		hi, lo := bits.Mul64(target<<26, r.unit<<32)
		length = 1 << 62 // the end of all races
		if hi < rate {
			length, _ = bits.Div64(hi, lo, rate)
			length = min(length+1, 1<<62)
		}
	}
	r.now += length
	for i := range r.paces {
		p := &r.paces[i]
		p.start, p.end = p.end, r.firstFrom(p.end, r.limit(p.weight))
	}
}

// firstFrom returns the first rank, from the one given on, whose time is not
// before a limit. It is near, most often.
func (r *race) firstFrom(rank uint32, limit uint64) uint32 {
	slots := r.mask + 1
	if r.clock == nil {
		return uint32(min(max(uint64(rank), limit), uint64(slots)))
	}
	end, step := rank, uint32(1)
	for end < slots && r.clock[end] < limit {
		rank = end + 1
		end = min(end+step, slots)
		step *= 2
	}
	skipped, _ := slices.BinarySearch(r.clock[rank:end], limit)
	return rank + uint32(skipped)
}

// limit returns the first time of the clock that is, for a weight, after the
// window: ceil(now*weight/unit).
func (r *race) limit(weight uint64) uint64 {
	hi, lo := bits.Mul64(r.now, weight)
	lo, carry := bits.Add64(lo, r.unit-1, 0)
	hi += carry
	if hi >= r.unit {
		return ^uint64(0)
	}
	limit, _ := bits.Div64(hi, lo, r.unit)
	return limit
}

// offer lets a racer go on to the end of the window or to its cap.
func (r *race) offer(i int32) {
	m := &r.racers[i]
	end := r.paces[m.pace].end
	for m.rank < end && m.room > 0 {
		start := m.rank
		m.rank = min(start+64, end)
		for _, hit := range r.freeSlots(&m.permutation, start, m.rank) {
			slot, rank := hit>>6, start+hit&63
			if r.rest.has(slot) {
				r.rest.remove(slot)
				r.taken++
			} else if !r.wins(m, rank, slot) {
				continue
			}
			r.owners[slot] = uint16(m.place)
			if m.room--; m.room == 0 {
				m.rank = rank + 1
				return
			}
		}
	}
}

// freeSlots returns those of at most 64 ranks whose slot was free when the
// window opened: 64*slot + rank-start. It finds them without a branch, which a
// processor would guess wrong half of the time.
func (r *race) freeSlots(q *quadratic, start, end uint32) []uint32 {
	at, step, bend, mask, free := q.slot(start), q.step(start), 2*q.square, r.mask, r.free
	n := uint32(0)
	for i := range end - start {
		slot := at & mask
		r.hits[n%64] = slot<<6 | i
		n += uint32(free[slot>>6] >> (slot & 63) & 1)
		at += step
		step += bend
	}
	return r.hits[:n]
}

// wins reports whether a racer arrives at a slot before the one that took it in
// this window. If so, that one has lost it.
func (r *race) wins(m *racer, rank, slot uint32) bool {
	if !r.arrival(m.place, rank).before(r.at(uint32(r.owners[slot]), slot)) {
		return false
	}
	loser := r.owner(slot)
	if loser.room == 0 {
		r.again = append(r.again, int32(r.positions[loser.place]))
	}
	loser.room++
	return true
}

// owner returns the racer that took a slot in this window.
func (r *race) owner(slot uint32) *racer { return &r.racers[r.positions[r.owners[slot]]] }

// close makes the offers that were taken final, and drops the racers that are
// full or have been everywhere, and the paces that have no racer left.
func (r *race) close() {
	r.left -= r.taken
	copy(r.free, r.rest)
	racers, paces, last := r.racers[:0], r.paces[:0], int32(-1)
	for _, m := range r.racers {
		if m.room == 0 || m.rank > r.mask {
			continue
		}
		if m.pace != last { // of another weight than the racer before
			last = m.pace
			paces = append(paces, r.paces[last])
			paces[len(paces)-1].members = 0
		}
		paces[len(paces)-1].members++
		m.pace = int32(len(paces) - 1)
		r.positions[m.place] = uint16(len(racers))
		racers = append(racers, m)
	}
	r.racers, r.paces = racers, paces
}
