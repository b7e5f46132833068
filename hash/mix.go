package hash

import "math/bits"

// Mix is a keyed multiply-mix of the 40 bytes of a key, the fastest good hash
// here: each pair of words goes through two 64 by 64 bit multiplications of
// which both halves are kept, and all of it through one more. NewMix makes one;
// hashing reads it only, so it is safe for concurrent use. It takes 64 bytes.
//
// With w the words of the key, k constants that [NewMix] draws from the seed,
// and m(x, y) the exclusive or of the two halves of the product of x and y:
//
//	a = m(w0^k0, w1^k1)
//	b = m(w2^k2, w3^k3)
//	c = m(a^k4, b^w4^k5)
//	hash = m(c^k6, rotl(c, 32)^k7)
//
// A change of any bit of the key changes each bit of the hash with a
// probability between 0.46 and 0.54, for random keys and for keys that differ
// in a counter alone. One multiplication a pair would not do: with the other
// word of the pair fixed, as the upper half of every IPv4 address is, the
// change that it makes is fixed as well.
//
// All constants come from the seed, because a sender chooses the words: a
// constant that he knows on either side of a multiplication is one that he can
// make zero, and then the other side does not count, whatever the seed. But Mix
// is no pseudo-random function, and a seed can be guessed from enough
// placements. Where senders are hostile, use [Sip].
type Mix struct {
	k [8]uint64
}

// NewMix returns the Mix of a seed. Its constants are the first eight outputs
// of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) started at the seed.
func NewMix(seed uint64) *Mix {
	m := new(Mix)
	for i := range m.k {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		m.k[i] = z ^ z>>31
	}
	return m
}

// Hash implements [Hasher].
//
//go:noinline
func (m *Mix) Hash(k FlowKey) uint64 { return m.words(k.src0, k.src1, k.dst0, k.dst1, k.rest) }

func (m *Mix) words(w0, w1, w2, w3, w4 uint64) uint64 {
	return m.join(multiplyFold(w0^m.k[0], w1^m.k[1]), multiplyFold(w2^m.k[2], w3^m.k[3]), w4)
}

// join is the rest of a hash, behind what becomes of the addresses. The halves
// of words are written out in loops, which would call it.
func (m *Mix) join(src, dst, w4 uint64) uint64 {
	return m.Finalize(multiplyFold(src^m.k[4], dst^w4^m.k[5]))
}

// Finalize spreads a hash over all 64 bits, and keys it. It is the last step of
// Mix, and what [Mixed] does to a hash of 32 bits or of poor quality.
func (m *Mix) Finalize(h uint64) uint64 {
	return multiplyFold(h^m.k[6], bits.RotateLeft64(h, 32)^m.k[7])
}

func multiplyFold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

// HashBatch implements [BatchHasher].
func (m *Mix) HashBatch(dst []uint64, keys []FlowKey) {
	dst = dst[:len(keys):len(dst)]
	for i := range keys {
		k := &keys[i]
		dst[i] = m.join(multiplyFold(k.src0^m.k[0], k.src1^m.k[1]), multiplyFold(k.dst0^m.k[2], k.dst1^m.k[3]), k.rest)
	}
}

// HashFields implements [FieldsHasher].
func (m *Mix) HashFields(dst []uint64, h []Headers, f Fields) {
	dst = dst[:len(h):len(dst)]
	mask := f.mask()
	if f&session != 0 {
		hashExtracted(dst, h, f, m)
		return
	}
	if f&Symmetric != 0 {
		for i := range h {
			dst[i] = m.words(f.flow(&h[i]).canonical(mask))
		}
		return
	}
	for i := range h {
		k := f.flow(&h[i])
		dst[i] = m.join(
			multiplyFold(k.src0&mask.src^m.k[0], k.src1&mask.src^m.k[1]),
			multiplyFold(k.dst0&mask.dst^m.k[2], k.dst1&mask.dst^m.k[3]), k.rest&mask.rest)
	}
}
