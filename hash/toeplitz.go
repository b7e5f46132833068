package hash

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Toeplitz is the hash of receive-side scaling (Microsoft, "RSS Hashing
// Functions"), which network cards and many switches compute: of source and
// destination address, source and destination port, in network order, under a
// key of 40 bytes or more. The other parts of a FlowKey do not count. It is in
// the high 32 bits of the hash; the low ones are zero.
//
// A key without ports gives what a card calls the hash over addresses, because
// zeros add nothing: so extract Addresses, or Addresses|SrcPort|DstPort, as the
// card is set. FiveTuple and the latter give the same.
//
// [NewToeplitz] makes one: tables of 48 KiB, of which IPv4 uses 12 KiB. Hashing
// only reads them, so it is safe for concurrent use. It takes a look-up for
// each byte.
//
// It has 32 bits, so it is no digest for a flow table. It is linear: the hash
// of the exclusive or of two inputs is that of their hashes. Whoever knows the
// key makes flows that collide at will, and whoever does not still knows that
// flows which differ alike have hashes that differ alike. Put [Mixed] between
// it and a selector unless a device must be predicted.
type Toeplitz struct {
	// What each value of each byte of the input adds.
	v4 [4 + 4 + 4][256]uint32
	v6 [16 + 16 + 4][256]uint32

	bits  int
	orXOR bool // see SymmetricOrXOR
}

// A ToeplitzKeyError is the length in bytes of a key for [NewToeplitz] that is
// too short.
type ToeplitzKeyError int

// Error returns a text such as "hash: Toeplitz key of 16 bytes, want 40 or
// more".
func (e ToeplitzKeyError) Error() string {
	return fmt.Sprintf("hash: Toeplitz key of %d bytes, want %d or more", int(e), toeplitzKeySize)
}

// toeplitzKeySize is how much of a key the longest input needs: 36 bytes, and
// the 32 bits of the hash.
const toeplitzKeySize = 40

// MicrosoftKey returns a copy of the key that the documents of Microsoft use
// for their examples, and many drivers by default. Everyone knows it.
func MicrosoftKey() []byte {
	return []byte{
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
		0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
		0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	}
}

// NewToeplitz returns the Toeplitz hash of a key of 40 bytes or more, or a
// [ToeplitzKeyError]. Of the longer ones, which many cards have, the first 40
// bytes count: no input here is longer than 36 bytes.
func NewToeplitz(key []byte) (*Toeplitz, error) {
	if len(key) < toeplitzKeySize {
		return nil, ToeplitzKeyError(len(key))
	}
	t := new(Toeplitz)
	for i := range t.v6 {
		for bit := range 8 {
			// The 32 bits of the key from that bit of the input on.
			window := uint64(key[i])<<32 | uint64(binary.BigEndian.Uint32(key[i+1:]))
			add := uint32(window >> (8 - bit))
			for b := range 256 {
				if b>>(7-bit)&1 != 0 {
					t.v6[i][b] ^= add
				}
			}
		}
	}
	copy(t.v4[:], t.v6[:])
	t.bits = rank(t.v4[:])
	return t, nil
}

// SymmetricXOR returns the form of t that ethtool calls symmetric-xor and DPDK
// symmetric Toeplitz: in place of both addresses it hashes twice their
// exclusive or, and in place of both ports likewise, so that both directions of
// a conversation agree under any key. Flows whose ends differ alike collide:
// all of a pair of neighbouring networks, say.
func (t *Toeplitz) SymmetricXOR() *Toeplitz {
	s := new(Toeplitz)
	combine(s.v4[:], t.v4[:], 4)
	combine(s.v6[:], t.v6[:], 16)
	s.bits = rank(s.v4[:])
	return s
}

// SymmetricOrXOR returns the form of t that ethtool calls symmetric-or-xor: in
// place of source and destination address it hashes their or and their
// exclusive or, and of the ports likewise. Both directions agree under any key,
// and flows whose ends differ alike do not collide. t must be what NewToeplitz
// returned. The third way to symmetry is the key of package symmetric.
func (t *Toeplitz) SymmetricOrXOR() *Toeplitz {
	s := *t
	s.orXOR = true
	return &s
}

// combine sets the tables of an input of two addresses and two ports so that
// byte i of either address, or of either port, adds what both bytes did before.
func combine(dst, src [][256]uint32, addr int) {
	for i := range dst {
		other := i + addr // of the pair
		switch {
		case i >= 2*addr:
			other = i ^ 2 // the ports start at a multiple of four
		case i >= addr:
			other = i - addr
		}
		for b := range dst[i] {
			dst[i][b] = src[i][b] ^ src[other][b]
		}
	}
}

// rank returns the logarithm to base 2 of the number of different hashes.
func rank(tables [][256]uint32) int {
	var basis [32]uint32 // by the highest bit
	n := 0
	for i := range tables {
		for bit := range 8 {
			x := tables[i][1<<bit]
			for x != 0 && basis[bits.Len32(x)-1] != 0 {
				x ^= basis[bits.Len32(x)-1]
			}
			if x != 0 {
				basis[bits.Len32(x)-1] = x
				n++
			}
		}
	}
	return n
}

// Bits returns the logarithm to base 2 of the number of different hashes that
// flows of IPv4 have: 32 for a key that was drawn, 16 for that of package
// symmetric. With fewer than 32 it serves no flow table, whatever Digest a
// [Policy] has.
func (t *Toeplitz) Bits() int { return t.bits }

// Hash32 returns the hash as the device has it.
func (t *Toeplitz) Hash32(k FlowKey) uint32 {
	return uint32(t.words(k.src0, k.src1, k.dst0, k.dst1, k.rest) >> 32)
}

// Hash implements [Hasher].
//
//go:noinline
func (t *Toeplitz) Hash(k FlowKey) uint64 {
	return t.words(k.src0, k.src1, k.dst0, k.dst1, k.rest)
}

func (t *Toeplitz) words(src0, src1, dst0, dst1, rest uint64) uint64 {
	if t.orXOR {
		src0, dst0 = src0|dst0, src0^dst0
		src1, dst1 = src1|dst1, src1^dst1
		sport, dport := rest&maskSrcPort, rest>>16&maskSrcPort
		rest = rest&^maskPorts | (sport | dport) | (sport^dport)<<16
	}
	if rest&ip6Flag == 0 {
		// The address is in the upper half.
		return uint64(t.v4[0][uint8(src1>>32)]^t.v4[1][uint8(src1>>40)]^
			t.v4[2][uint8(src1>>48)]^t.v4[3][uint8(src1>>56)]^
			t.v4[4][uint8(dst1>>32)]^t.v4[5][uint8(dst1>>40)]^
			t.v4[6][uint8(dst1>>48)]^t.v4[7][uint8(dst1>>56)]^
			t.v4[8][uint8(rest)]^t.v4[9][uint8(rest>>8)]^t.v4[10][uint8(rest>>16)]^t.v4[11][uint8(rest>>24)]) << 32
	}
	return uint64(toeplitzWord((*[8][256]uint32)(t.v6[0:]), src0)^toeplitzWord((*[8][256]uint32)(t.v6[8:]), src1)^
		toeplitzWord((*[8][256]uint32)(t.v6[16:]), dst0)^toeplitzWord((*[8][256]uint32)(t.v6[24:]), dst1)^
		t.v6[32][uint8(rest)]^t.v6[33][uint8(rest>>8)]^t.v6[34][uint8(rest>>16)]^t.v6[35][uint8(rest>>24)]) << 32
}

func toeplitzWord(t *[8][256]uint32, w uint64) uint32 {
	return t[0][uint8(w)] ^ t[1][uint8(w>>8)] ^ t[2][uint8(w>>16)] ^ t[3][uint8(w>>24)] ^
		t[4][uint8(w>>32)] ^ t[5][uint8(w>>40)] ^ t[6][uint8(w>>48)] ^ t[7][uint8(w>>56)]
}

// HashBatch implements [BatchHasher].
func (t *Toeplitz) HashBatch(dst []uint64, keys []FlowKey) { hashBatch(t, dst, keys) }

// HashFields implements [FieldsHasher].
func (t *Toeplitz) HashFields(dst []uint64, h []Headers, f Fields) { hashFields(t, dst, h, f) }
