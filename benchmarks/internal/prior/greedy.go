package prior

import "math"

// Greedy goes through all pairs of member and slot by descending score, and
// gives a free slot to a member that has room, as gadget-inc/silo does with its
// shards. It asks the slots one by one, since the result is the only stable
// matching: a slot turns to its next member where it is refused or displaced.
// Silo's scores have no weights; here they are scaled as those of Serial.
func Greedy(p *Pool, members []int32, caps []int) []int32 {
	owners, room := make([]int32, p.slots), p.rooms(members, caps)
	held := make([]heap, len(p.candidates)) // the slots of each member, the least score first
	for slot := range owners {
		for at, below := slot, uint64(math.MaxUint64); at >= 0; {
			b := p.next(members, room, at, below)
			owners[at] = b.who
			at, below = held[b.who].keep(at, b.score, room[b.who])
		}
	}
	return owners
}

// next returns the best member for a slot among those with scores below a
// limit.
func (p *Pool) next(members []int32, room []int, slot int, below uint64) bid {
	for _, b := range p.best[slot*p.depth : (slot+1)*p.depth] {
		if b.score < below && room[b.who] > 0 {
			return b
		}
	}
	return p.choose(members, room, slot, below)
}

type offer struct {
	score uint64
	slot  int
}

// A heap has the offer of the least score first.
type heap []offer

// keep adds a slot and returns the one that has to go, if there are more than a
// cap, or -1.
func (h *heap) keep(slot int, score uint64, most int) (gone int, below uint64) {
	if len(*h) < most {
		*h = append(*h, offer{score, slot})
		for i := len(*h) - 1; i > 0 && (*h)[i].score < (*h)[(i-1)/2].score; i = (i - 1) / 2 {
			(*h)[i], (*h)[(i-1)/2] = (*h)[(i-1)/2], (*h)[i]
		}
		return -1, 0
	}
	list := *h
	if score < list[0].score {
		return slot, score
	}
	least := list[0]
	list[0] = offer{score, slot}
	for i := 0; ; {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(list); child++ {
			if list[child].score < list[first].score {
				first = child
			}
		}
		if first == i {
			return least.slot, least.score
		}
		list[i], list[first] = list[first], list[i]
		i = first
	}
}
