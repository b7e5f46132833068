package symmetric

import "github.com/ecmp-go/ecmp/hash"

// Hasher makes Base symmetric: it hashes the canonical form of a key. It is a
// [hash.BatchHasher] and a [hash.FieldsHasher], allocates nothing unless Base
// does, and is safe for concurrent use if Base is.
//
// Both directions meet only if the fields chosen are symmetric too: both
// addresses or neither, both ports or neither. The flow label never counts.
//
// In a [hash.Policy] it has to stand in both Hasher and Digest if Base has 32
// bits. [Policy] needs neither.
type Hasher struct {
	Base hash.Hasher // hash.XX{} if nil
}

func (s Hasher) base() hash.Hasher {
	if s.Base == nil {
		return hash.XX{}
	}
	return s.Base
}

// Hash implements [hash.Hasher].
func (s Hasher) Hash(k hash.FlowKey) uint64 { return s.base().Hash(k.Canonical()) }

// Bits returns how many bits Base has.
func (s Hasher) Bits() int { return hash.Bits(s.base()) }

// HashBatch implements [hash.BatchHasher].
func (s Hasher) HashBatch(dst []uint64, keys []hash.FlowKey) {
	dst = dst[:len(keys):len(dst)]
	base := s.base()
	for i := range keys {
		dst[i] = base.Hash(keys[i].Canonical())
	}
}

// HashFields implements [hash.FieldsHasher].
func (s Hasher) HashFields(dst []uint64, h []hash.Headers, f hash.Fields) {
	dst = dst[:len(h):len(dst)]
	f |= hash.Symmetric
	base := s.base()
	if base, ok := base.(hash.FieldsHasher); ok {
		base.HashFields(dst, h, f)
		return
	}
	for i := range h {
		dst[i] = base.Hash(f.Extract(&h[i], nil))
	}
}
