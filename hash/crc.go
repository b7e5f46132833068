package hash

import (
	"fmt"
	"math/bits"
)

// CRC is a cyclic redundancy check of 16 or 32 bits of the 40 bytes of a key,
// with the parameters of a [CRCConfig]: what most switch chips hash by, which
// can be polarized like a fabric of them. It is not what a certain switch
// answers, since switches differ in the fields that they take and in their
// order. The hash is in the high bits; the others are zero.
//
// [NewCRC] makes one: tables of 8 KiB, which hashing only reads, so that it is
// safe for concurrent use. It takes a look-up for each byte.
//
// A CRC has no key and is linear: anyone can make flows that collide, and flows
// whose keys differ alike have hashes that differ alike, so two groups that
// both use it are correlated. Another initial value changes all hashes by the
// same exclusive or, which does not help; another polynomial does. One of 16
// bits serves no flow table, whatever Digest a [Policy] has.
type CRC struct {
	t         *crcTables
	init, xor uint32
	width     int
	reflected bool
}

// A CRCConfig has the parameters by which catalogues describe a CRC.
type CRCConfig struct {
	Bits       int    // 16 or 32
	Polynomial uint32 // without its highest term, the coefficient of x^0 in the lowest bit
	Init       uint32 // the register at the start; not reflected
	Reflected  bool   // bytes go in, and the hash comes out, lowest bit first
	XorOut     uint32 // at the end
}

// CRC32IEEE returns the parameters of the CRC of Ethernet, zip and PNG.
func CRC32IEEE() CRCConfig {
	return CRCConfig{Bits: 32, Polynomial: 0x04c11db7, Init: 1<<32 - 1, Reflected: true, XorOut: 1<<32 - 1}
}

// CRC16CCITT returns the parameters of CRC-16/CCITT with an initial value of
// all ones.
func CRC16CCITT() CRCConfig { return CRCConfig{Bits: 16, Polynomial: 0x1021, Init: 1<<16 - 1} }

// A CRCError says which parameter [NewCRC] refused, and its value.
type CRCError struct {
	Field string
	Value uint32
}

// Error returns a text such as "hash: CRC of Bits 0x18".
func (e *CRCError) Error() string { return fmt.Sprintf("hash: CRC of %s %#x", e.Field, e.Value) }

// NewCRC returns the CRC of c. It returns a [*CRCError] if Bits is neither 16
// nor 32, if another parameter has more bits than that, and if Polynomial is
// even: then the last bit of a key would not count.
func NewCRC(c CRCConfig) (*CRC, error) {
	if c.Bits != 16 && c.Bits != 32 {
		return nil, &CRCError{"Bits", uint32(c.Bits)}
	}
	for _, p := range []CRCError{{"Polynomial", c.Polynomial}, {"Init", c.Init}, {"XorOut", c.XorOut}} {
		if p.Value>>(c.Bits-1)>>1 != 0 || p.Field == "Polynomial" && p.Value&1 == 0 {
			return nil, &p
		}
	}
	// The register is at the high end of a word if its highest bit goes first,
	// and at the low end if its lowest one does.
	shift := 32 - c.Bits
	x := &CRC{init: c.Init << shift, xor: c.XorOut, width: c.Bits, reflected: c.Reflected}
	if c.Reflected {
		x.init = bits.Reverse32(x.init)
		x.t = makeCRCTables(bits.Reverse32(c.Polynomial << shift))
	} else {
		x.t = makeForwardTables(c.Polynomial << shift)
	}
	return x, nil
}

// Bits returns 16 or 32.
func (c *CRC) Bits() int { return c.width }

// Sum returns the CRC as the device has it.
func (c *CRC) Sum(k FlowKey) uint32 {
	return uint32(c.words(k.src0, k.src1, k.dst0, k.dst1, k.rest) >> (64 - c.width))
}

// Hash implements [Hasher].
//
//go:noinline
func (c *CRC) Hash(k FlowKey) uint64 { return c.words(k.src0, k.src1, k.dst0, k.dst1, k.rest) }

func (c *CRC) words(w0, w1, w2, w3, w4 uint64) uint64 {
	crc := c.init
	if c.reflected {
		crc = crcWord(c.t, crc, w0)
		crc = crcWord(c.t, crc, w1)
		crc = crcWord(c.t, crc, w2)
		crc = crcWord(c.t, crc, w3)
		crc = crcWord(c.t, crc, w4)
	} else {
		crc = forwardWord(c.t, crc, w0)
		crc = forwardWord(c.t, crc, w1)
		crc = forwardWord(c.t, crc, w2)
		crc = forwardWord(c.t, crc, w3)
		crc = forwardWord(c.t, crc, w4) >> (32 - c.width)
	}
	return uint64(crc^c.xor) << (64 - c.width)
}

// HashBatch implements [BatchHasher].
func (c *CRC) HashBatch(dst []uint64, keys []FlowKey) { hashBatch(c, dst, keys) }

// HashFields implements [FieldsHasher].
func (c *CRC) HashFields(dst []uint64, h []Headers, f Fields) { hashFields(c, dst, h, f) }

// crcTables[i][b] is the register after byte b and then i bytes of zero, for
// slicing by eight.
type crcTables [8][256]uint32

// makeCRCTables returns the tables of a reflected polynomial, with the
// coefficient of x^31 in the lowest bit.
func makeCRCTables(polynomial uint32) *crcTables {
	t := new(crcTables)
	for b := range 256 {
		crc := uint32(b)
		for range 8 {
			crc = crc>>1 ^ -(crc&1)&polynomial
		}
		t[0][b] = crc
	}
	for i := range 7 {
		for b, crc := range t[i] {
			t[i+1][b] = crc>>8 ^ t[0][uint8(crc)]
		}
	}
	return t
}

// makeForwardTables returns those of a polynomial with x^31 in the highest bit.
func makeForwardTables(polynomial uint32) *crcTables {
	t := new(crcTables)
	for b := range 256 {
		crc := uint32(b) << 24
		for range 8 {
			crc = crc<<1 ^ -(crc>>31)&polynomial
		}
		t[0][b] = crc
	}
	for i := range 7 {
		for b, crc := range t[i] {
			t[i+1][b] = crc<<8 ^ t[0][crc>>24]
		}
	}
	return t
}

// crcWord takes eight bytes, of which the first is the lowest of word, into a
// register whose next bit is the lowest.
func crcWord(t *crcTables, crc uint32, word uint64) uint32 {
	w := word ^ uint64(crc)
	return t[7][uint8(w)] ^ t[6][uint8(w>>8)] ^ t[5][uint8(w>>16)] ^ t[4][uint8(w>>24)] ^
		t[3][uint8(w>>32)] ^ t[2][uint8(w>>40)] ^ t[1][uint8(w>>48)] ^ t[0][uint8(w>>56)]
}

// forwardWord does so for a register whose next bit is the highest.
func forwardWord(t *crcTables, crc uint32, word uint64) uint32 {
	return crcWord(t, bits.ReverseBytes32(crc), word)
}
