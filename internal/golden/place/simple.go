package place

import "math/big"

// Modulo is the high half of the hash modulo the weights.
func Modulo(members []Member, keepOrder bool, h uint64) int {
	order := byID(members)
	if keepOrder {
		order = asGiven(members)
	}
	divisor := commonDivisor(members)
	return owner(members, order, divisor, h>>32%(total(members)/divisor))
}

// Threshold is RFC 2992 with the bounds of Linux: the first i with h>>33 <=
// bound_i.
func Threshold(members []Member, keepOrder bool, h uint64) int {
	order := byID(members)
	if keepOrder {
		order = asGiven(members)
	}
	x := new(big.Int).SetUint64(h >> 33)
	for k, bound := range Bounds(members, order) {
		if x.Cmp(bound) <= 0 {
			return order[k]
		}
	}
	return -1
}

// Bounds returns bound_i = (W_i*2^31 + W/2)/W - 1 for the members in order.
func Bounds(members []Member, order []int) []*big.Int {
	bounds := make([]*big.Int, len(order))
	all := new(big.Int).SetUint64(total(members))
	sum := new(big.Int)
	for k, i := range order {
		sum.Add(sum, big.NewInt(int64(members[i].Weight)))
		b := new(big.Int).Lsh(sum, 31)
		b.Add(b, new(big.Int).Rsh(all, 1))
		b.Quo(b, all)
		bounds[k] = b.Sub(b, big.NewInt(1))
	}
	return bounds
}

// Jump is the paper's function over buckets that the members own by weight.
func Jump(members []Member, h uint64) int {
	divisor := commonDivisor(members)
	b := JumpBucket(h, int64(total(members)/divisor))
	return owner(members, byID(members), divisor, uint64(b))
}

// JumpBucket is the function as Lamping and Veach print it, in floating point.
func JumpBucket(key uint64, buckets int64) int64 {
	b, j := int64(-1), int64(0)
	for j < buckets {
		b = j
		key = key*2862933555777941757 + 1
		j = int64(float64(b+1) * (float64(int64(1)<<31) / float64((key>>33)+1)))
	}
	return b
}
