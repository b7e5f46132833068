package hash

// Mixed puts the last step of a [Mix] behind another hasher: Hash(k) is
// Mix.Finalize(Base.Hash(k)). It is for hashes of 32 bits such as [CRC32C] and
// [Toeplitz], between them and a selector. Those leave the low half of the hash
// zero, are linear, and have patterns in their high bits that a selector turns
// into unequal shares; and two groups that use the same one are correlated,
// unless each has a Mixed of another seed.
//
// It cannot bring back what the base has lost: keys that collide there, by
// accident or by design, still collide, and there are no more than 2^32
// different hashes, so that it is no digest for a flow table. And a selector no
// longer sees what a device sees.
//
// So a [Policy] fills the low half, as it does behind Base alone.
//
// It is a [BatchHasher] and a [FieldsHasher], allocates nothing unless Base
// does, and is safe for concurrent use if Base is. Both fields must be set.
type Mixed struct {
	Base Hasher
	Mix  *Mix
}

// Hash implements [Hasher].
func (x Mixed) Hash(k FlowKey) uint64 { return x.Mix.Finalize(x.Base.Hash(k)) }

// Bits returns how many bits Base has.
func (x Mixed) Bits() int { return Bits(x.Base) }

// HashBatch implements [BatchHasher].
func (x Mixed) HashBatch(dst []uint64, keys []FlowKey) {
	dst = dst[:len(keys):len(dst)]
	if base, ok := x.Base.(BatchHasher); ok {
		base.HashBatch(dst, keys)
	} else {
		for i := range keys {
			dst[i] = x.Base.Hash(keys[i])
		}
	}
	x.finalize(dst)
}

// HashFields implements [FieldsHasher].
func (x Mixed) HashFields(dst []uint64, h []Headers, f Fields) {
	dst = dst[:len(h):len(dst)]
	if base, ok := x.Base.(FieldsHasher); ok {
		base.HashFields(dst, h, f)
	} else {
		for i := range h {
			dst[i] = x.Base.Hash(f.Extract(&h[i], nil))
		}
	}
	x.finalize(dst)
}

func (x Mixed) finalize(hashes []uint64) {
	for i, h := range hashes {
		hashes[i] = x.Mix.Finalize(h)
	}
}
