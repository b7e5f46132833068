package selector

// A tier is the primaries of a group, or its backups, with their selector as a
// view asks it. It has all members of the group, so that indexes are the same
// everywhere: those of the other tier have no weight there.
type tier struct {
	table    []uint8         // of the selector, if it is a table[uint8]: one pointer less to follow
	selector Selector        // nil if no member can take a flow
	mask     uint64          // of the bits of a hash that the selector sees
	batch    BatchSelector   // selector, if it is one
	shared   *sharedSelector // keeps it in the domain while a view uses it

	placed      []Member // the members as the selector places them
	fingerprint uint64   // of that
}

func newTier(shared *sharedSelector, placed []Member, fingerprint uint64) tier {
	s := shared.selector
	t := tier{selector: s, mask: maskOf(s), shared: shared, placed: placed, fingerprint: fingerprint}
	t.batch, _ = s.(BatchSelector)
	if b, ok := s.(byteTable); ok {
		t.table = b.bytes()
	}
	return t
}

// The bits of a hash that selectors see. Those of highBits are the ones that a
// flow table keeps of a digest.
const (
	allBits  = ^uint64(0)
	highBits = ^uint64(1<<30 - 1)
)

// A highReader is a selector of 31 or 32 bits, as devices have them, whose
// answers do not depend on the low 30 bits of a hash.
type highReader interface{ readsHighBits() }

// maskOf returns the bits of a hash that a selector sees. It need not be kept
// from the low 30 bits if it sees none of them; tables see them only where a
// slot ends.
func maskOf(s Selector) uint64 {
	switch s.(type) {
	case Tabled, highReader:
		return allBits
	}
	return highBits
}
