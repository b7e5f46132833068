package prior

import "math"

// Serial gives each slot in turn to the member of the greatest score that has
// room: rendezvous with bounded loads, as in joladev/hrw and eiri/go-hrw, and
// the random jumps of Chen, Coleman and Shrivastava (arXiv 1908.08762).
func Serial(p *Pool, members []int32, caps []int) []int32 {
	owners, room := make([]int32, p.slots), p.rooms(members, caps)
	for slot := range owners {
		owner := int32(-1)
		for _, b := range p.best[slot*p.depth : (slot+1)*p.depth] {
			if room[b.who] > 0 {
				owner = b.who
				break
			}
		}
		if owner < 0 {
			owner = p.choose(members, room, slot, math.MaxUint64).who
		}
		owners[slot] = owner
		room[owner]--
	}
	return owners
}
