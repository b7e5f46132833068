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
// Hash(f.Extract(&h[i], nil)). It panics if dst is shorter than h. [Policy]
// uses it where there is one: without it, two calls through an interface for
// each packet cost more than the work that they do. The hashers of this library
// are FieldsHashers; one from elsewhere need not be.
type FieldsHasher interface {
	Hasher
	HashFields(dst []uint64, h []Headers, f Fields)
}

// A HeaderHasher hashes a burst of parsed headers: dst[i] is the hash of h[i],
// which Parse found in packets[i]. Packets is nil if the caller does not have
// them any more. It panics if dst, or packets that is not nil, is shorter than
// h. It must be safe for concurrent use.
type HeaderHasher interface {
	HashHeaders(dst []uint64, h []Headers, packets [][]byte)
}

// Bits returns how many bits of a hasher's hashes are good ones: what its
// method Bits() int says, and 64 if it has none. The hashes of devices have 32
// bits, in the high half. A flow table needs 64 to tell flows apart: [Policy]
// fills the low half.
func Bits(h Hasher) int {
	if h, ok := h.(interface{ Bits() int }); ok {
		return h.Bits()
	}
	return 64
}
