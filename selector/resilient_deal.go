package selector

import "math/bits"

// A dealer moves the buckets of a table from the members that have too many to
// those that have too few. Members are named by their places in a line-up.
type dealer struct {
	owners []int32 // of each bucket; -1: nobody
	won    []bool  // who joined or gained weight
	lost   []bool  // who lost weight

	weights []uint32
	total   uint64
	held    []int64 // buckets by place
	due     []int64 // in buckets, times total
	target  []int64 // what held is to become
	free    int64
}

func newDealer(l *lineup, buckets int) *dealer {
	n := len(l.index)
	d := &dealer{
		owners: make([]int32, buckets), won: make([]bool, n), lost: make([]bool, n),
		weights: l.weights, total: l.total,
		held: make([]int64, n), due: make([]int64, n), target: make([]int64, n),
	}
	for k, w := range l.weights {
		d.due[k] = int64(buckets) * int64(w) // at most 2^56, as is what a member holds times total
	}
	return d
}

// excess is what a member is to have beyond its due, in buckets times total.
func (d *dealer) excess(k int32) int64 { return d.target[k]*int64(d.total) - d.due[k] }

// settle decides how many buckets each member is to have.
func (d *dealer) settle() {
	for _, k := range d.owners {
		if k < 0 {
			d.free++
		} else {
			d.held[k]++
		}
	}
	copy(d.target, d.held)
	everybody := func(int) bool { return true }
	fewest := func(a, b int32) bool { return d.excess(a) < d.excess(b) }
	most := func(a, b int32) bool { return d.excess(a) > d.excess(b) }

	left := d.round()
	poorest := newTournament(len(d.target), everybody, fewest)
	for ; left > 0; left-- {
		k := poorest.best()
		d.target[k]++
		poorest.update(k)
	}

	richest := newTournament(len(d.target), everybody, most)
	givers := newTournament(len(d.target), func(k int) bool { return d.lost[k] }, most)
	takers := newTournament(len(d.target), func(k int) bool { return d.won[k] }, fewest)
	for {
		from, to, gap := givers.best(), poorest.best(), int64(0)
		if from >= 0 {
			gap = d.excess(from) - d.excess(to)
		}
		if taker := takers.best(); taker >= 0 && d.excess(richest.best())-d.excess(taker) > gap {
			from, to = richest.best(), taker
			gap = d.excess(from) - d.excess(to)
		}
		if gap <= int64(d.total) {
			return
		}
		d.target[from]--
		d.target[to]++
		for _, t := range []*tournament{poorest, richest, givers, takers} {
			t.update(from)
			t.update(to)
		}
	}
}

// round gives every member the whole buckets that it is due, if the free ones
// suffice, and returns how many are left. Giving them one by one to the poorest
// comes to the same.
func (d *dealer) round() int64 {
	need := int64(0)
	for k, due := range d.due {
		need += max(0, due/int64(d.total)-d.held[k])
	}
	if need > d.free {
		return d.free
	}
	for k, due := range d.due {
		d.target[k] = max(d.held[k], due/int64(d.total))
	}
	return d.free - need
}

// deal moves buckets until all members have their target. It visits buckets in
// random order, by a Fisher-Yates shuffle with SplitMix64. Buckets given by
// members whose weight did not fall go only to members that joined or gained
// weight; free buckets, and those of members whose weight fell, go first to
// members that did neither.
func (d *dealer) deal(seed uint64) {
	give := make([]int64, len(d.target))
	winners, others := queue{d: d}, queue{d: d}
	moves := d.free
	for k := range d.target {
		change := d.target[k] - d.held[k]
		switch {
		case change < 0:
			give[k] = -change
			moves -= change
		case change > 0 && d.won[k]:
			winners.places = append(winners.places, int32(k))
		case change > 0:
			others.places = append(others.places, int32(k))
		}
	}
	visits := make([]uint32, len(d.owners))
	for i := range visits {
		visits[i] = uint32(i)
	}
	for i := 0; moves > 0; i++ {
		j, _ := bits.Mul64(splitMix64(seed), uint64(len(visits)-i))
		seed += weyl
		visits[i], visits[i+int(j)] = visits[i+int(j)], visits[i]
		bucket := visits[i]
		from := d.owners[bucket]
		if from >= 0 && give[from] == 0 {
			continue
		}
		reserved := from >= 0 && !d.lost[from]
		if from >= 0 {
			give[from]--
		}
		if !reserved && len(others.places) > 0 {
			d.owners[bucket] = others.take()
		} else {
			d.owners[bucket] = winners.take()
		}
		moves--
	}
}

// A queue serves members, each until it holds its target.
type queue struct {
	d      *dealer
	places []int32
}

func (q *queue) take() int32 {
	k := q.places[0]
	q.d.held[k]++
	if q.d.held[k] == q.d.target[k] {
		q.places = q.places[1:]
	}
	return k
}
