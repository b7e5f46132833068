package hash

import "math/bits"

// XX is XXH64 by Yann Collet (https://github.com/Cyan4973/xxHash), of the 40
// bytes of a key: fast and of good quality, the default. XX{}.Hash(k) is what
// xxhash.Sum64 returns for the encoding of k, and XX{Seed: s} what a digest
// with seed s returns. Give routers in a row different seeds, or the second one
// sees only the part of the hash space that the first one sent it.
//
// The seed is no secret key: whoever finds collisions can make more, whatever
// the seed. Use [Sip] where senders are hostile.
type XX struct {
	Seed uint64
}

const (
	prime1 = 11400714785074694791
	prime2 = 14029467366897019727
	prime3 = 1609587929392839161
	prime4 = 9650029242287828579
	prime5 = 2870177450012600261
)

// Hash implements [Hasher].
//
//go:noinline
func (x XX) Hash(k FlowKey) uint64 {
	// Out of line, here and in the other hashers: where it is inlined, the
	// compiler first copies the key from one place on the stack to another, two
	// words at a time, and the processor waits for the single words written
	// just before.
	return x.words(k.src0, k.src1, k.dst0, k.dst1, k.rest)
}

func (x XX) words(w0, w1, w2, w3, w4 uint64) uint64 {
	// One stripe of 32 bytes, one word of the tail, and the avalanche.
	seed := x.Seed
	v1 := xxRound(seed+(prime1+prime2)&(1<<64-1), w0)
	v2 := xxRound(seed+prime2, w1)
	v3 := xxRound(seed, w2)
	v4 := xxRound(seed-prime1, w3)
	h := bits.RotateLeft64(v1, 1) + bits.RotateLeft64(v2, 7) + bits.RotateLeft64(v3, 12) + bits.RotateLeft64(v4, 18)
	h = xxMerge(h, xxRound(0, v1))
	h = xxMerge(h, xxRound(0, v2))
	h = xxMerge(h, xxRound(0, v3))
	h = xxMerge(h, xxRound(0, v4))
	return xxFinish(h, w4)
}

// An xxIPv4 is an XX for keys whose first and third words are zero, as those of
// IPv4 are: what these words add to a hash is the same for all, and a third of
// the work.
type xxIPv4 struct {
	v2, v4, sum, v1Round, v3Round uint64

	whole XX
}

func (x XX) forIPv4() xxIPv4 {
	v1, v3 := xxRound(x.Seed+(prime1+prime2)&(1<<64-1), 0), xxRound(x.Seed, 0)
	return xxIPv4{
		whole: x, v2: x.Seed + prime2, v4: x.Seed - prime1,
		sum: bits.RotateLeft64(v1, 1) + bits.RotateLeft64(v3, 12), v1Round: xxRound(0, v1), v3Round: xxRound(0, v3),
	}
}

func (x *xxIPv4) words(w1, w3, w4 uint64) uint64 {
	v2, v4 := xxRound(x.v2, w1), xxRound(x.v4, w3)
	h := x.sum + bits.RotateLeft64(v2, 7) + bits.RotateLeft64(v4, 18)
	h = xxMerge(h, x.v1Round)
	h = xxMerge(h, xxRound(0, v2))
	h = xxMerge(h, x.v3Round)
	h = xxMerge(h, xxRound(0, v4))
	return xxFinish(h, w4)
}

func xxFinish(h, w4 uint64) uint64 {
	h += FlowKeySize
	h ^= xxRound(0, w4)
	h = bits.RotateLeft64(h, 27)*prime1 + prime4
	h ^= h >> 33
	h *= prime2
	h ^= h >> 29
	h *= prime3
	h ^= h >> 32
	return h
}

func xxRound(acc, word uint64) uint64 {
	return bits.RotateLeft64(acc+word*prime2, 31) * prime1
}

func xxMerge(acc, round uint64) uint64 { return (acc^round)*prime1 + prime4 }

// HashBatch implements [BatchHasher].
func (x XX) HashBatch(dst []uint64, keys []FlowKey) {
	dst = dst[:len(keys):len(dst)]
	ipv4 := x.forIPv4()
	for i := range keys {
		k := &keys[i]
		if k.src0|k.dst0 == 0 {
			dst[i] = ipv4.words(k.src1, k.dst1, k.rest)
		} else {
			dst[i] = x.words(k.src0, k.src1, k.dst0, k.dst1, k.rest)
		}
	}
}

// HashFields implements [FieldsHasher].
func (x XX) HashFields(dst []uint64, h []Headers, f Fields) {
	dst = dst[:len(h):len(dst)]
	m := f.mask()
	if f&session != 0 {
		hashExtracted(dst, h, f, x)
		return
	}
	ipv4 := x.forIPv4()
	if f&Symmetric != 0 {
		for i := range h {
			w0, w1, w2, w3, w4 := f.flow(&h[i]).canonical(m)
			if w0|w2 == 0 {
				dst[i] = ipv4.words(w1, w3, w4)
			} else {
				dst[i] = x.words(w0, w1, w2, w3, w4)
			}
		}
		return
	}
	for i := range h {
		k := f.flow(&h[i])
		if k.src0|k.dst0 == 0 {
			dst[i] = ipv4.words(k.src1&m.src, k.dst1&m.dst, k.rest&m.rest)
		} else {
			dst[i] = x.words(k.src0&m.src, k.src1&m.src, k.dst0&m.dst, k.dst1&m.dst, k.rest&m.rest)
		}
	}
}
