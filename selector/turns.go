package selector

import "slices"

// turns returns the order in which members of unequal weights claim at least
// the first size slots, as places of the line-up. It repeats from the start if
// that takes more turns. The k-th turn of weight w, with k from 1, is at time
// k/w, compared exactly; of turns at the same time the first place goes first.
func turns(l *lineup, size uint64) []uint16 {
	// At time t members have taken sum(floor(t*w)) turns, which is more than
	// t*total - members. So all turns up to time 1 will do, when the order
	// starts over, or those up to time (size+members)/total if that is earlier.
	horizon := min(l.total, size+uint64(len(l.index)))

	// The turn k of weight w is about the k*total/w-th of all. Sort by that
	// number, which never falls with k/w, by counting...
	starts := make([]uint32, horizon+2)
	for _, w := range l.weights {
		for k, last := uint64(1), horizon*uint64(w)/l.total; k <= last; k++ {
			starts[k*l.total/uint64(w)+1]++
		}
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	type turn struct {
		k     uint32
		place uint16
	}
	sorted := make([]turn, starts[horizon+1])
	for place, w := range l.weights {
		for k, last := uint64(1), horizon*uint64(w)/l.total; k <= last; k++ {
			at := &starts[k*l.total/uint64(w)]
			sorted[*at] = turn{uint32(k), uint16(place)}
			*at++
		}
	}

	// ...and the few turns that share a number by the exact time. Each start is
	// by now the end of its number's turns.
	compare := func(a, b turn) int {
		x, y := uint64(a.k)*uint64(l.weights[b.place]), uint64(b.k)*uint64(l.weights[a.place])
		switch {
		case x < y || x == y && a.place < b.place:
			return -1
		case x == y && a.place == b.place:
			return 0
		}
		return 1
	}
	begin := uint32(0)
	for _, end := range starts[:horizon+1] {
		if end > begin+1 {
			slices.SortFunc(sorted[begin:end], compare)
		}
		begin = end
	}
	order := make([]uint16, min(uint64(len(sorted)), max(size, l.total)))
	for i := range order {
		order[i] = sorted[i].place
	}
	return order
}
