package hash

// Policy is what the field calls a hash policy: which fields of a packet make
// up its flow, and by which hash. The zero value hashes the five-tuple by XX{}.
//
// What a policy yields has 64 good bits. Beside a Hasher of 32 bits, such as
// [CRC32C], [Toeplitz] and [Linux611], the low half is that of Digest for the
// same key: so a flow table can tell flows apart, while a selector that
// reproduces a device reads the high half and answers as the device does. A
// Hasher with fewer good bits (see [Bits]) serves no flow table.
//
// A Policy is a value. It is safe for concurrent use.
type Policy struct {
	Extractor Extractor // FiveTuple if nil
	Hasher    Hasher    // XX{} if nil
	Digest    Hasher    // NewMix(0) if nil; unused unless Hasher has fewer than 64 bits

	// Ports are those of tunnels, for a Reader.
	Ports TunnelPorts
}

// defaultDigest is the Digest of a policy that has none.
//
//nolint:gochecknoglobals // read-only
var defaultDigest = NewMix(0)

// withDefaults returns p with nothing nil that is used. Digest is nil if it is
// not needed.
func (p Policy) withDefaults() Policy {
	if p.Extractor == nil {
		p.Extractor = FiveTuple
	}
	if p.Hasher == nil {
		p.Hasher = XX{}
	}
	switch {
	case Bits(p.Hasher) >= 64:
		p.Digest = nil
	case p.Digest == nil:
		p.Digest = defaultDigest
	}
	return p
}

// Hash returns the hash of the packets of a flow: what a [Reader] gives for
// each of its packets that is no fragment, be they read or only thought of. It
// is for simulators and planners. A k that has more than the fields that count
// is cut down to these, so Headers.Outer will do. Where the Extractor is none
// of this library, k is the key that it extracts.
func (p Policy) Hash(k FlowKey) uint64 {
	p = p.withDefaults()
	whole := k
	if f, ok := p.Extractor.(Fields); ok {
		k = f.of(k)
	}
	if _, ok := p.Hasher.(HeaderHasher); !ok {
		whole = k
	}
	h := p.Hasher.Hash(whole)
	if p.Digest != nil {
		h = withDigest(h, p.Digest.Hash(k))
	}
	return h
}

// HashHeaders implements [HeaderHasher]. It allocates nothing unless the
// Extractor or a hasher does. A Hasher that is a HeaderHasher itself, as
// [Linux611] is, sees the headers; the Extractor is then for the Digest alone.
func (p Policy) HashHeaders(dst []uint64, h []Headers, packets [][]byte) {
	// With the third index, a dst that is too short panics even if its capacity
	// would do; so in every batch form.
	dst = dst[:len(h):len(dst)]
	if packets != nil {
		packets = packets[:len(h):len(packets)]
	}
	if fields, ok := p.Extractor.(Fields); ok {
		// A call through an interface for each burst would be felt here.
		switch hasher := p.Hasher.(type) {
		case *Mix:
			hasher.HashFields(dst, h, fields)
			return
		case XX:
			hasher.HashFields(dst, h, fields)
			return
		}
	}
	p = p.withDefaults()
	fields, masked := p.Extractor.(Fields)
	headerHasher, whole := p.Hasher.(HeaderHasher)
	fieldsHasher, ok := p.Hasher.(FieldsHasher)
	switch {
	case whole:
		headerHasher.HashHeaders(dst, h, packets)
	case masked && ok:
		fieldsHasher.HashFields(dst, h, fields)
	default:
		hashEach(dst, h, packets, p.Extractor, p.Hasher)
	}
	if p.Digest != nil {
		p.fillLow(dst, h, packets)
	}
}

// fillLow fills the low halves of hashes of 32 bits by the Digest, for which it
// needs memory: by a few at a time.
func (p Policy) fillLow(dst []uint64, h []Headers, packets [][]byte) {
	var digests [32]uint64
	fields, masked := p.Extractor.(Fields)
	mix, mixed := p.Digest.(*Mix)
	for len(h) > 0 {
		n := min(len(h), len(digests))
		if masked && mixed {
			mix.HashFields(digests[:n], h[:n], fields)
		} else {
			hashEach(digests[:n], h[:n], packets, p.Extractor, p.Digest)
		}
		for i, digest := range digests[:n] {
			dst[i] = withDigest(dst[i], digest)
		}
		dst, h = dst[n:], h[n:]
		if packets != nil {
			packets = packets[n:]
		}
	}
}

// hashEach hashes headers one by one, by two calls for each.
func hashEach(dst []uint64, h []Headers, packets [][]byte, extractor Extractor, hasher Hasher) {
	var packet []byte
	for i := range h {
		if packets != nil {
			packet = packets[i]
		}
		dst[i] = hasher.Hash(extractor.Extract(&h[i], packet))
	}
}

// withDigest fills the low half of a hash of 32 bits.
func withDigest(hash32, digest uint64) uint64 { return hash32>>32<<32 | digest>>32 }
