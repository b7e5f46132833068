package selector

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// splitMix64 returns the first output of SplitMix64 after a state (Steele, Lea
// and Flood 2014).
func splitMix64(x uint64) uint64 {
	x += weyl
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const weyl = 0x9e3779b97f4a7c15 // by which the state of SplitMix64 grows

// mix64 returns output x, from 0, of SplitMix64 under seed 0: fixed, well
// spread probes.
func mix64(x uint64) uint64 { return splitMix64(x * weyl) }

// hashID returns the XXH64 of an ID under a seed.
func hashID(seed uint64, id string) uint64 {
	d := xxhash.NewWithSeed(seed)
	_, _ = d.WriteString(id) // never fails
	return d.Sum64()
}

// Odd constants with no structure, from wyhash.
const (
	mixA = 0xa0761d6478bd642f
	mixB = 0xe7037ed1a0b428db
)

// spread prepares a hash for draw. A hash may have few random bits, all in the
// high half, and the one multiplication of a draw cannot bring those into all
// bits of all draws. Without spread, the shares of a counter or of a repetitive
// Toeplitz hash are off by many standard deviations.
func spread(h uint64) uint64 {
	return multiplyFold(h^mixA, mixB)
}

// multiplyFold returns the two halves of the 128-bit product, exclusive-ored.
func multiplyFold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

// rehash returns another hash for the hashes of a bucket, in effect independent
// for each bucket.
func rehash(h uint64, b uint32) uint64 {
	return multiplyFold(h^mixA, (uint64(b)+1)*mixB|1)
}
