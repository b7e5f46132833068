package hash

// CRC32C is the Castagnoli CRC (RFC 3720 appendix B.4, polynomial 0x1edc6f41)
// of the 40 bytes of a key, in the high 32 bits of the hash; the low ones are
// zero.
//
// It is what much hardware computes, and no more than that. It has 32 bits, so
// it is no digest for a flow table. It has no key and is linear: anyone can
// make flows that collide, and flows whose keys differ alike have hashes that
// differ alike, so two groups that both use it are correlated.
type CRC32C struct{}

// castagnoli is the polynomial, with the coefficient of x^31 in the lowest bit.
const castagnoli = 0x82f63b78

// crcTables[i][b] is the CRC register after byte b and then i bytes of zero,
// for slicing by eight.
//
// hash/crc32 would be faster, by an instruction made for this; but it takes a
// slice through a function variable, which would move the 40 bytes to the heap.
//
//nolint:gochecknoglobals // read-only
var crcTables = makeCRCTables()

func makeCRCTables() *[8][256]uint32 {
	t := new([8][256]uint32)
	for b := range 256 {
		crc := uint32(b)
		for range 8 {
			crc = crc>>1 ^ -(crc&1)&castagnoli
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

// Bits returns 32.
func (c CRC32C) Bits() int { return 32 }

// Hash implements [Hasher].
//
//go:noinline
func (c CRC32C) Hash(k FlowKey) uint64 { return c.words(k.src0, k.src1, k.dst0, k.dst1, k.rest) }

func (CRC32C) words(w0, w1, w2, w3, w4 uint64) uint64 {
	t := crcTables
	crc := crcWord(t, 1<<32-1, w0)
	crc = crcWord(t, crc, w1)
	crc = crcWord(t, crc, w2)
	crc = crcWord(t, crc, w3)
	crc = crcWord(t, crc, w4)
	return uint64(^crc) << 32
}

func crcWord(t *[8][256]uint32, crc uint32, word uint64) uint32 {
	w := word ^ uint64(crc)
	return t[7][uint8(w)] ^ t[6][uint8(w>>8)] ^ t[5][uint8(w>>16)] ^ t[4][uint8(w>>24)] ^
		t[3][uint8(w>>32)] ^ t[2][uint8(w>>40)] ^ t[1][uint8(w>>48)] ^ t[0][uint8(w>>56)]
}

// HashBatch implements [BatchHasher].
func (c CRC32C) HashBatch(dst []uint64, keys []FlowKey) { hashBatch(c, dst, keys) }

// HashFields implements [FieldsHasher].
func (c CRC32C) HashFields(dst []uint64, h []Headers, f Fields) { hashFields(c, dst, h, f) }
