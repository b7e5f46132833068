package selector

import "math/bits"

// A bid is a member's claim to a hash or slot. The member with the least cost
// for its weight has the best one; of equals, the one with the least tie, then
// the first place.
type bid struct {
	cost, weight uint64
	tie          uint64
	place        int // in the line-up
}

// before reports whether b is better than c.
func (b bid) before(c bid) bool {
	switch {
	case less(b.cost, c.weight, c.cost, b.weight):
		return true
	case less(c.cost, b.weight, b.cost, c.weight):
		return false
	case b.tie != c.tie:
		return b.tie < c.tie
	}
	return b.place < c.place
}

// less reports whether a*v < b*w, exactly.
func less(a, v, b, w uint64) bool {
	hi1, lo1 := bits.Mul64(a, v)
	hi2, lo2 := bits.Mul64(b, w)
	_, borrow := bits.Sub64(lo1, lo2, 0)
	_, borrow = bits.Sub64(hi1, hi2, borrow)
	return borrow != 0
}

// A runnerUp finds the best of the bids that are worse than a bound.
type runnerUp struct {
	bound bid // of weight 0: none
	best  bid // of weight 0: none
}

// wants reports whether b may be better than the best so far. Most bids are
// not: offer, which the compiler does not inline, is for the others.
func (r *runnerUp) wants(b bid) bool {
	return !less(r.best.cost, b.weight, b.cost, r.best.weight)
}

// leads reports, where there is no bound, whether b costs less than the best so
// far. If so, it is the best, and the call of offer is saved.
func (r *runnerUp) leads(b bid) bool {
	return r.bound.weight == 0 && less(b.cost, r.best.weight, r.best.cost, b.weight)
}

func (r *runnerUp) offer(b bid) {
	if (r.bound.weight == 0 || r.bound.before(b)) && (r.best.weight == 0 || b.before(r.best)) {
		r.best = b
	}
}

// member returns the member with the bid that was found, -1 if there is none.
func (r *runnerUp) member(mapping []int32) int32 {
	if r.best.weight == 0 {
		return -1
	}
	return memberAt(mapping, r.best.place)
}
