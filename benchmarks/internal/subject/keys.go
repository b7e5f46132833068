package subject

import (
	"encoding/binary"
	"math/rand/v2"
)

// KeyCount is how many keys a pass looks up: too many for branch predictors to
// learn, few enough to stay in the cache.
const KeyCount = 65536

// Keys are random keys, in the forms that libraries take.
type Keys struct {
	Hashes []uint64
	// the eight bytes of each hash: the least that a library of string keys can
	// be given
	Strings []string
}

// RandomKeys returns KeyCount keys, the same ones for the same seed.
func RandomKeys(seed uint64) *Keys {
	k := &Keys{Hashes: Hashes(seed, KeyCount), Strings: make([]string, KeyCount)}
	var encoded []byte
	for _, h := range k.Hashes {
		encoded = binary.LittleEndian.AppendUint64(encoded, h)
	}
	text := string(encoded)
	for i := range k.Strings {
		k.Strings[i] = text[8*i : 8*i+8]
	}
	return k
}

// Hashes returns n random hashes, the same ones for the same seed.
func Hashes(seed uint64, n int) []uint64 {
	r := rand.NewPCG(seed, 0)
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = r.Uint64()
	}
	return hashes
}
