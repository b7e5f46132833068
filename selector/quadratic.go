package selector

// quadratic is a permutation of the slots 0 to 2^k-1: slot(r) = offset +
// linear*r + square*r^2 modulo 2^k, where linear is odd and square is even (a
// quadratic permutation polynomial, as in the interleavers of LTE; Sun and
// Takeshita 2005). All methods work modulo 2^32 and leave it to the caller to
// mask. Two members whose arithmetic progressions were related would meet on
// slot after slot, always in the same order; two quadratic ones part at once.
type quadratic struct{ offset, linear, square uint32 }

// newQuadratic returns the permutation offset + skip*r + 2*bend*r*(r-1).
func newQuadratic(offset, skip, bend uint32) quadratic {
	return quadratic{offset, skip - 2*bend, 2 * bend}
}

func (q *quadratic) slot(rank uint32) uint32 {
	return q.offset + rank*(q.linear+q.square*rank)
}

// step returns slot(rank+1) - slot(rank), which grows by 2*square a rank.
func (q *quadratic) step(rank uint32) uint32 {
	return q.linear + q.square*(2*rank+1)
}

// rank returns the rank of a slot, right in the lowest 24 bits: Newton's method
// in 2-adic numbers, where each round doubles the number of right bits, those
// of the root as well as those of the inverse of the slope.
func (q *quadratic) rank(slot uint32) uint32 {
	d, a, b := slot-q.offset, q.linear, q.square
	// Modulo 8: a is its own inverse, as every odd number, and b*r^2 = b*d,
	// since b is even and r is odd where d is.
	r := a * (d - b*(d&1))
	inverse := a + 2*b*r
	r -= (r*(a+b*r) - d) * inverse // 6 bits
	inverse *= 2 - (a+2*b*r)*inverse
	r -= (r*(a+b*r) - d) * inverse // 12 bits
	inverse *= 2 - (a+2*b*r)*inverse
	r -= (r*(a+b*r) - d) * inverse // 24 bits
	return r
}
