package hash

import "math/bits"

// Canonical returns the same key for both directions of a conversation: the
// smaller, by [FlowKey.Compare], of k and its reverse, both without flow label.
// Each direction has a label of its own (RFC 6437).
//
// The endpoints are ordered as pairs of address and port, so that distinct
// conversations keep distinct keys. Linux orders addresses and ports
// independently, which gives the flows from a:1 to b:2 and from a:2 to b:1 one
// key.
//
// Package symmetric makes a [Policy] of it.
func (k FlowKey) Canonical() (c FlowKey) {
	c.src0, c.src1, c.dst0, c.dst1, c.rest = k.canonical(wholeKey)
	return c
}

// wholeKey is the mask that keeps everything.
//
//nolint:gochecknoglobals // read-only
var wholeKey = keyMask{1<<64 - 1, 1<<64 - 1, 1<<64 - 1}

// canonical returns the words of the canonical form of what is left of k under
// m.
func (k *FlowKey) canonical(m keyMask) (src0, src1, dst0, dst1, rest uint64) {
	src0, src1 = k.src0&m.src, k.src1&m.src
	dst0, dst1 = k.dst0&m.dst, k.dst1&m.dst
	rest = k.rest & m.rest &^ maskLabel

	// Subtract the destination from the source, as numbers of 144 bits. Which
	// is the smaller is as good as random, so a branch on it would be
	// mispredicted for every other packet.
	ports := bits.ReverseBytes32(uint32(rest))
	_, borrow := bits.Sub64(uint64(ports>>16), uint64(ports&0xffff), 0)
	_, borrow = bits.Sub64(bits.ReverseBytes64(src1), bits.ReverseBytes64(dst1), borrow)
	_, borrow = bits.Sub64(bits.ReverseBytes64(src0), bits.ReverseBytes64(dst0), borrow)

	swap := borrow - 1 // all ones unless source < destination
	x0 := (src0 ^ dst0) & swap
	x1 := (src1 ^ dst1) & swap
	xp := (rest ^ rest>>16) & maskSrcPort & swap
	return src0 ^ x0, src1 ^ x1, dst0 ^ x0, dst1 ^ x1, rest ^ xp ^ xp<<16
}
