package hash

// A Hasher maps a key to 64 bits. Equal keys have equal hashes. Selectors use
// the high bits first, so a hash of 32 bits goes into the high half. It must be
// safe for concurrent use.
type Hasher interface {
	Hash(k FlowKey) uint64
}

// A BatchHasher also hashes many keys in one call: dst[i] = Hash(keys[i]). It
// panics if dst is shorter than keys.
type BatchHasher interface {
	Hasher
	HashBatch(dst []uint64, keys []FlowKey)
}

// A FieldsHasher also hashes parsed headers in one call: dst[i] =
// Hash(f.Extract(&h[i])). It panics if dst is shorter than h. [Policy] uses it
// where there is one: without it, two calls through an interface for each
// packet cost more than the work that they do. The hashers of this library are
// FieldsHashers; one from elsewhere need not be.
type FieldsHasher interface {
	Hasher
	HashFields(dst []uint64, h []Headers, f Fields)
}

// A HeaderHasher hashes a burst of parsed headers: dst[i] is the hash of h[i].
// It panics if dst is shorter than h. It must be safe for concurrent use.
type HeaderHasher interface {
	HashHeaders(dst []uint64, h []Headers)
}

// Policy is the [HeaderHasher] that extracts a key and hashes it. The zero
// value hashes the five-tuple by XX{}.
type Policy struct {
	Extractor Extractor // FiveTuple if nil
	Hasher    Hasher    // XX{} if nil
}

// HashHeaders implements [HeaderHasher]. It allocates nothing unless the
// Extractor or the Hasher does.
func (k Policy) HashHeaders(dst []uint64, h []Headers) {
	// With the third index, a dst that is too short panics even if its capacity
	// would do; so in every batch form.
	dst = dst[:len(h):len(dst)]
	extractor, hasher := k.Extractor, k.Hasher
	if extractor == nil {
		extractor = FiveTuple
	}
	if hasher == nil {
		hasher = XX{}
	}
	if fields, ok := extractor.(Fields); ok {
		if hasher, ok := hasher.(FieldsHasher); ok {
			hasher.HashFields(dst, h, fields)
			return
		}
	}
	for i := range h {
		dst[i] = hasher.Hash(extractor.Extract(&h[i]))
	}
}
