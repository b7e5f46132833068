package symmetric

import "bytes"

// ToeplitzKey returns the key for [hash.NewToeplitz] that makes it the same for
// both directions of a conversation: 6d5a, twenty times (Woo and Park,
// "Scalable TCP session monitoring with symmetric receive-side scaling", 2012).
// With it network cards send both directions to one queue.
//
// A key that repeats every 16 bits leaves no more than 16 bits to the hash. Its
// halves are the same, so each value is a multiple of 65537, of which there are
// 65,536. Modulo 65537 all of them are one, and a table of more slots has empty
// ones. Put [hash.Mixed] behind it, or take [Policy] where no card need agree.
//
// So it serves no flow table, not even with the Digest of a [hash.Policy]:
// [hash.Bits] of such a hasher says 16.
func ToeplitzKey() []byte { return bytes.Repeat([]byte{0x6d, 0x5a}, 20) }
