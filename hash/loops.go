package hash

// A wordHasher hashes the five words of a key.
type wordHasher interface {
	Hasher
	words(w0, w1, w2, w3, w4 uint64) uint64
}

// hashBatch is HashBatch of the hashers for which a call a key counts little.
// [Mix] and [XX] are faster than such a call and have loops of their own.
func hashBatch[H wordHasher](hasher H, dst []uint64, keys []FlowKey) {
	dst = dst[:len(keys):len(dst)]
	for i := range keys {
		k := &keys[i]
		dst[i] = hasher.words(k.src0, k.src1, k.dst0, k.dst1, k.rest)
	}
}

// hashFields is HashFields of these hashers.
func hashFields[H wordHasher](hasher H, dst []uint64, h []Headers, f Fields) {
	dst = dst[:len(h):len(dst)]
	m := f.mask()
	switch {
	case f&session != 0:
		hashExtracted(dst, h, f, hasher)
	case f&Symmetric != 0:
		for i := range h {
			dst[i] = hasher.words(f.flow(&h[i]).canonical(m))
		}
	default:
		for i := range h {
			k := f.flow(&h[i])
			dst[i] = hasher.words(k.src0&m.src, k.src1&m.src, k.dst0&m.dst, k.dst1&m.dst, k.rest&m.rest)
		}
	}
}

// hashExtracted is HashFields for fields that are not in a FlowKey of Headers.
func hashExtracted[H Hasher](dst []uint64, h []Headers, f Fields, hasher H) {
	for i := range h {
		dst[i] = hasher.Hash(f.Extract(&h[i], nil))
	}
}
