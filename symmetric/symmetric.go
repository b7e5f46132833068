// Package symmetric gives both directions of a conversation one hash, so that a stateful device sees both.
package symmetric

import (
	"math/bits"

	"github.com/ecmp-go/ecmp/hash"
)

// Canonical returns the same key for both directions of a conversation: the smaller, by [hash.FlowKey.Compare], of k and
// its reverse, both without flow label. The label goes because each direction has its own (RFC 6437).
//
// The endpoints are ordered as pairs of address and port. Ordering addresses and ports independently, as Linux does,
// would give the flows from a:1 to b:2 and from a:2 to b:1 one key; here distinct conversations keep distinct keys.
func Canonical(k hash.FlowKey) hash.FlowKey {
	src0, src1, dst0, dst1, rest := k.WithLabel(0).Words()

	// Subtract the destination from the source, as numbers of 144 bits. Which is the smaller is as good as random, so a
	// branch on it would be mispredicted for every other packet.
	ports := bits.ReverseBytes32(uint32(rest))
	_, borrow := bits.Sub64(uint64(ports>>16), uint64(ports&0xffff), 0)
	_, borrow = bits.Sub64(bits.ReverseBytes64(src1), bits.ReverseBytes64(dst1), borrow)
	_, borrow = bits.Sub64(bits.ReverseBytes64(src0), bits.ReverseBytes64(dst0), borrow)

	swap := borrow - 1 // all ones unless source < destination
	x0 := (src0 ^ dst0) & swap
	x1 := (src1 ^ dst1) & swap
	xp := (rest ^ rest>>16) & 0xffff & swap
	return hash.FlowKeyFromWords(src0^x0, src1^x1, dst0^x0, dst1^x1, rest^xp^xp<<16)
}
