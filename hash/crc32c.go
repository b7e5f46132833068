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

// castagnoli has the tables of the polynomial. hash/crc32 would be faster, by
// an instruction made for this; but it takes a slice through a function
// variable, which would move the 40 bytes to the heap.
//
//nolint:gochecknoglobals // read-only
var castagnoli = makeCRCTables(0x82f63b78)

// Bits returns 32.
func (c CRC32C) Bits() int { return 32 }

// Hash implements [Hasher].
//
//go:noinline
func (c CRC32C) Hash(k FlowKey) uint64 { return c.words(k.src0, k.src1, k.dst0, k.dst1, k.rest) }

func (CRC32C) words(w0, w1, w2, w3, w4 uint64) uint64 {
	t := castagnoli
	crc := crcWord(t, 1<<32-1, w0)
	crc = crcWord(t, crc, w1)
	crc = crcWord(t, crc, w2)
	crc = crcWord(t, crc, w3)
	crc = crcWord(t, crc, w4)
	return uint64(^crc) << 32
}

// HashBatch implements [BatchHasher].
func (c CRC32C) HashBatch(dst []uint64, keys []FlowKey) { hashBatch(c, dst, keys) }

// HashFields implements [FieldsHasher].
func (c CRC32C) HashFields(dst []uint64, h []Headers, f Fields) { hashFields(c, dst, h, f) }
