package selector

import (
	"cmp"
	"math"
)

// Table sizes of [Maglev].
const (
	DefaultTableSize = 65537 // Google's small table, and that of most users
	MaxTableSize     = 1 << 24
)

// Maglev is Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable
// Software Network Load Balancer", NSDI 2016, section 3.4). Each member has a
// permutation of the slots of a table, and members take turns at claiming their
// next free slot. At equal weights the table is that of
// github.com/dgryski/go-maglev for the sorted IDs, slot for slot.
//
// A member of weight w takes its k-th turn at time k/w. Turns at the same time
// go in order of ID. So shares are exact to about a slot, and a member that is
// due less than one slot may own none.
//
// A look-up takes O(1) time. The table takes a byte a slot for up to 256
// members, two for more. Building takes O(M log M) time for M slots. Placement
// is history-free. A change moves few hashes without need while the table is
// much larger than the group. A larger table moves fewer still and balances
// better, but leaves the processor's cache sooner.
//
// The selector is a [Tabled] and a [Ranker]. After its owner, a hash prefers
// members in order of (rank+1)/w, then of ID, where rank is the position of the
// slot in the member's permutation.
type Maglev struct {
	// Size is the number of slots, a prime of at least the number of members of
	// positive weight and at most MaxTableSize. 0 means DefaultTableSize.
	// The paper advises 100 slots a member or more.
	Size uint32

	// Seed is the second word of the key under which SipHash-2-4 hashes the
	// IDs; the first is 0xdeadbeefcafebabe. Groups with the same members and
	// different seeds place independently. go-maglev's second word is 0.
	Seed uint64
}

// Build implements [Strategy]. The errors are those of [Validate], and
// ErrTableSize for a Size that is too small, too large or not a prime.
func (m Maglev) Build(members []Member) (Selector, error) {
	l, err := newLineup(members, false)
	if err != nil {
		return nil, err
	}
	size := m.size()
	if err := checkTableSize(size, len(l.index)); err != nil {
		return nil, err
	}
	p := newPermutations(members, &l, size, m.Seed)
	if len(members) <= math.MaxUint8+1 {
		return claimTable[uint8](p, &l), nil
	}
	return claimTable[uint16](p, &l), nil
}

func (m Maglev) check() error { return checkTableSize(m.size(), 0) }

func (m Maglev) size() uint32 { return cmp.Or(m.Size, DefaultTableSize) }

// String returns the strategy as [ParseStrategy] reads it.
func (m Maglev) String() string { return strategyText(m) }

func (m Maglev) identity() string { return identityOf("maglev", uint64(m.size()), m.Seed) }

func checkTableSize(size uint32, members int) error {
	switch {
	case int64(size) < int64(members):
		return tableSizeError("fewer slots than members", size, members)
	case size > MaxTableSize:
		return tableSizeError("too many slots", size, MaxTableSize)
	case !isPrime(size):
		return tableSizeError("not a prime", size, 0)
	}
	return nil
}

// permutations are the members' orders of the slots: the slot of rank r is
// offset + r*skip modulo the prime table size.
type permutations struct {
	modulus modulus
	members []permutation // in order of ID
}

type permutation struct {
	offset, skip uint32
	inverse      uint32 // of skip
}

func newPermutations(members []Member, l *lineup, size uint32, seed uint64) permutations {
	p := permutations{newModulus(size), make([]permutation, len(l.index))}
	inverses := make([]uint32, len(l.index))
	for k, i := range l.index {
		h := siphash(0xdeadbeefcafebabe, seed, members[i].ID)
		skip := uint32(h)%(size-1) + 1
		p.members[k] = permutation{offset: uint32(h>>32) % size, skip: skip}
		inverses[k] = skip
	}
	p.modulus.inverses(inverses)
	for k, inverse := range inverses {
		p.members[k].inverse = inverse
	}
	return p
}

// rank returns the position of a slot in the permutation of the member at place
// k.
func (p *permutations) rank(k int, slot uint64) uint64 {
	m := &p.members[k]
	distance := slot - uint64(m.offset)
	if slot < uint64(m.offset) {
		distance += p.modulus.m
	}
	return p.modulus.mul(distance, uint64(m.inverse))
}
