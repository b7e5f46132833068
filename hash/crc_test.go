package hash_test

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
)

// A CRC of any parameters agrees with the model.
func TestCRCEqualsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(81, 82))
	for range 200 {
		c := hash.CRCConfig{Bits: 16, Polynomial: r.Uint32()&0xffff | 1, Init: r.Uint32() & 0xffff,
			Reflected: r.IntN(2) == 0, XorOut: r.Uint32() & 0xffff}
		if r.IntN(2) == 0 {
			c.Bits, c.Polynomial, c.Init, c.XorOut = 32, r.Uint32()|1, r.Uint32(), r.Uint32()
		}
		crc, err := hash.NewCRC(c)
		require.NoError(t, err)
		assert.Equal(t, c.Bits, crc.Bits())
		for _, k := range randomKeys(r, 20) {
			want := packet.CRC(c.Bits, c.Polynomial, c.Init, c.Reflected, c.XorOut, encoding40(t, k))
			require.Equal(t, want, crc.Sum(k), "%+v", c)
			require.Equal(t, uint64(want)<<(64-c.Bits), crc.Hash(k), "%+v", c)
		}
	}
	k := knownKey()
	assert.Equal(t, crc32.ChecksumIEEE(encoding40(t, k)), mustCRC(hash.CRC32IEEE()).Sum(k))
	assert.Equal(t, crc32.Checksum(encoding40(t, k), crc32.MakeTable(crc32.Castagnoli)),
		uint32(hash.CRC32C{}.Hash(k)>>32))
}

func TestCRCErrors(t *testing.T) {
	for text, c := range map[string]hash.CRCConfig{
		"hash: CRC of Bits 0x8":           {Bits: 8, Polynomial: 7},
		"hash: CRC of Bits 0x0":           {Polynomial: 7},
		"hash: CRC of Polynomial 0x1020":  {Bits: 16, Polynomial: 0x1020},
		"hash: CRC of Polynomial 0x11021": {Bits: 16, Polynomial: 0x11021},
		"hash: CRC of Init 0x10000":       {Bits: 16, Polynomial: 0x1021, Init: 0x10000},
		"hash: CRC of XorOut 0x10000":     {Bits: 16, Polynomial: 0x1021, XorOut: 0x10000},
	} {
		_, err := hash.NewCRC(c)
		var crcErr *hash.CRCError
		require.ErrorAs(t, err, &crcErr)
		assert.EqualError(t, err, text)
	}
}
