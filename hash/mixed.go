package hash

// Mixed puts the last step of a [Mix] behind another hasher: its Hash(k) is
// NewMix(seed).Finalize(base.Hash(k)). It is for hashes of 32 bits such as
// [CRC32C] and [Toeplitz], between them and a selector. Those leave the low
// half of the hash zero, are linear, and have patterns in their high bits that
// a selector turns into unequal shares; and two groups that use the same one
// are correlated, unless each has a Mixed of another seed.
//
// It cannot bring back what the base has lost: keys that collide there, by
// accident or by design, still collide, and there are no more than 2^32
// different hashes, so that it is no digest for a flow table. And a selector no
// longer sees what a device sees.
//
// So a [Policy] fills the low half, as it does behind base alone.
//
// It is a [FieldsHasher] too, allocates nothing unless base does, and is safe
// for concurrent use if base is. A base of nil is XX{}.
func Mixed(base Hasher, seed uint64) BatchHasher {
	if base == nil {
		base = XX{}
	}
	return mixed{base, NewMix(seed)}
}

type mixed struct {
	base Hasher
	mix  *Mix
}

// Hash implements [Hasher].
func (x mixed) Hash(k FlowKey) uint64 { return x.mix.Finalize(x.base.Hash(k)) }

// Bits returns how many bits base has.
func (x mixed) Bits() int { return Bits(x.base) }

// HashBatch implements [BatchHasher].
func (x mixed) HashBatch(dst []uint64, keys []FlowKey) {
	dst = dst[:len(keys):len(dst)]
	if base, ok := x.base.(BatchHasher); ok {
		base.HashBatch(dst, keys)
	} else {
		for i := range keys {
			dst[i] = x.base.Hash(keys[i])
		}
	}
	x.finalize(dst)
}

// HashFields implements [FieldsHasher].
func (x mixed) HashFields(dst []uint64, h []Headers, f Fields) {
	dst = dst[:len(h):len(dst)]
	if base, ok := x.base.(FieldsHasher); ok {
		base.HashFields(dst, h, f)
	} else {
		for i := range h {
			dst[i] = x.base.Hash(f.Extract(&h[i], nil))
		}
	}
	x.finalize(dst)
}

func (x mixed) finalize(hashes []uint64) {
	for i, h := range hashes {
		hashes[i] = x.mix.Finalize(h)
	}
}
