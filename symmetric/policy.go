package symmetric

import "github.com/ecmp-go/ecmp/hash"

// Policy returns p with a key that is the same for both directions of a
// conversation: the canonical form of what p extracts. This is the way to make
// a policy symmetric, and keeps it fast: a [hash.Reader] knows the fields.
// [Hasher] is for hashers outside a policy.
func Policy(p hash.Policy) hash.Policy {
	switch e := p.Extractor.(type) {
	case nil:
		p.Extractor = hash.FiveTuple | hash.Symmetric
	case hash.Fields:
		p.Extractor = e | hash.Symmetric
	default:
		p.Extractor = canonical{e}
	}
	return p
}

// canonical makes an extractor of the caller's symmetric.
type canonical struct{ extractor hash.Extractor }

func (c canonical) Extract(h *hash.Headers, packet []byte) hash.FlowKey {
	return c.extractor.Extract(h, packet).Canonical()
}
