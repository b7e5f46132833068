package selector

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// splitMix64 returns the first output of SplitMix64 (Steele, Lea, Flood 2014)
// after a state.
func splitMix64(x uint64) uint64 {
	x += weyl
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const weyl = 0x9e3779b97f4a7c15 // by which the state of SplitMix64 grows

// mix64 returns fixed, well spread probes: output x, from 0, of SplitMix64
// under seed 0.
func mix64(x uint64) uint64 { return splitMix64(x * weyl) }

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

// spread prepares a hash for draw. Hashes may have few random bits, all in the
// high half, and one multiplication a member cannot bring those into all bits
// of all members' draws: without this step shares are off by up to 20 standard
// deviations for a counter or a repetitive Toeplitz hash in the high half.
func spread(h uint64) uint64 {
	return multiplyFold(h^mixA, mixB)
}

func multiplyFold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

// rehash returns another hash for the hashes of a bucket, in effect an
// independent one for each bucket.
func rehash(h uint64, b uint32) uint64 {
	return multiplyFold(h^mixA, (uint64(b)+1)*mixB|1)
}
