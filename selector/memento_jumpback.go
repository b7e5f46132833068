package selector

import "math/bits"

// jumpBack is JumpBackHash (Ertl, "JumpBackHash: Say Goodbye to the Modulo
// Operation to Distribute Keys Uniformly to Buckets", 2024). Like jump it maps
// hashes to n buckets so that another bucket takes its share from all others
// and nothing else moves, but in constant expected time. It goes down from the
// last power of two, over the buckets at which the hash would have moved while
// buckets were added. Its random numbers are those of SplitMix64 with h as the
// state.
func jumpBack(h uint64, n uint32) uint32 {
	if n <= 1 {
		return 0
	}
	first := splitMix64(h)
	// Bit i is set if the hash moved at some bucket from 2^i to 2^(i+1)-1.
	moved := uint32(first^first>>32) & (1<<bits.Len32(n-1) - 1)
	for moved != 0 {
		low := uint32(1) << ((bits.Len32(moved) - 1) & 31)
		// The last such bucket; below 2^32, each half of the number serves
		// every other octave.
		b := low + uint32(first>>(bits.OnesCount32(moved)<<5&63))&(low-1)
		if b < n {
			return b
		}
		// It is beyond n: look for the one before, in the upper half of twice
		// the range, until that misses the octave.
		for {
			h += weyl
			next := splitMix64(h)
			if b = uint32(next) & (2*low - 1); b < low {
				break
			}
			if b < n {
				return b
			}
			if b = uint32(next>>32) & (2*low - 1); b < low {
				break
			}
			if b < n {
				return b
			}
		}
		moved ^= low
	}
	return 0
}
