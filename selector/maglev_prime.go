package selector

import "math/bits"

// modulus multiplies modulo a prime below 2^32.
type modulus struct {
	m          uint64
	reciprocal uint64 // floor((2^64-1)/m)
}

func newModulus(m uint32) modulus { return modulus{uint64(m), ^uint64(0) / uint64(m)} }

// mul returns a*b mod m for a and b below m (Barrett). The estimate of the
// quotient is at most one too small.
func (p modulus) mul(a, b uint64) uint64 {
	x := a * b
	quotient, _ := bits.Mul64(x, p.reciprocal)
	x -= quotient * p.m
	if x >= p.m {
		x -= p.m
	}
	return x
}

// inverses replaces every number, from 1 to m-1, by its inverse. It takes one
// division by Euclid for all (Montgomery).
func (p modulus) inverses(a []uint32) {
	prefix := make([]uint32, len(a)) // products of all numbers before each
	product := uint64(1)
	for i, x := range a {
		prefix[i] = uint32(product)
		product = p.mul(product, uint64(x))
	}
	inverse := p.inverse(product)
	for i := len(a) - 1; i >= 0; i-- {
		x := uint64(a[i])
		a[i] = uint32(p.mul(inverse, uint64(prefix[i])))
		inverse = p.mul(inverse, x)
	}
}

// inverse returns the inverse of a, from 1 to m-1, by the extended Euclidean
// algorithm.
func (p modulus) inverse(a uint64) uint64 {
	s, t := int64(0), int64(1)
	for r, q := int64(p.m), int64(a); q != 0; {
		s, t = t, s-r/q*t
		r, q = q, r%q
	}
	if s < 0 {
		s += int64(p.m)
	}
	return uint64(s)
}

// isPrime divides by every odd number up to the root of n.
func isPrime(n uint32) bool {
	if n < 2 || n%2 == 0 {
		return n == 2
	}
	for d := uint32(3); uint64(d)*uint64(d) <= uint64(n); d += 2 {
		if n%d == 0 {
			return false
		}
	}
	return true
}
