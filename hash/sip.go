package hash

import "math/bits"

// Sip is SipHash-2-4 by Jean-Philippe Aumasson and Daniel J. Bernstein
// ("SipHash: a fast short-input PRF", INDOCRYPT 2012), of the 40 bytes of a
// key. It is a keyed pseudo-random function: a sender who does not know the
// secret key of 128 bits cannot aim for a member or for a bucket. It is about
// half as fast as [XX].
type Sip struct {
	K0, K1 uint64 // bytes 0 to 7 and 8 to 15 of the secret key, little-endian
}

// Hash implements [Hasher].
//
//go:noinline
func (s Sip) Hash(k FlowKey) uint64 { return s.words(k.src0, k.src1, k.dst0, k.dst1, k.rest) }

func (s Sip) words(w0, w1, w2, w3, w4 uint64) uint64 {
	v0, v1, v2, v3 := sipStart(s.K0, s.K1)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, w0)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, w1)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, w2)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, w3)
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, w4)
	return sipEnd(v0, v1, v2, v3, FlowKeySize)
}

func sipStart(k0, k1 uint64) (v0, v1, v2, v3 uint64) {
	return k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573
}

// sipEnd completes the hash of an input of the given length, which is a
// multiple of eight.
func sipEnd(v0, v1, v2, v3, length uint64) uint64 {
	v0, v1, v2, v3 = sipWord(v0, v1, v2, v3, length<<56)
	v2 ^= 0xff
	for range 4 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

func sipWord(v0, v1, v2, v3, word uint64) (uint64, uint64, uint64, uint64) {
	v3 ^= word
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return v0 ^ word, v1, v2, v3
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v2 += v1
	v0 = bits.RotateLeft64(v0, 32) + v3
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}

// HashBatch implements [BatchHasher].
func (s Sip) HashBatch(dst []uint64, keys []FlowKey) { hashBatch(s, dst, keys) }

// HashFields implements [FieldsHasher].
func (s Sip) HashFields(dst []uint64, h []Headers, f Fields) { hashFields(s, dst, h, f) }
