package selector

import "fmt"

// Rendezvous is rendezvous hashing, also called highest random weight (Thaler
// and Ravishankar, "Using name-based mappings to increase hit rates", 1998).
// Each member draws a number from the hash, and the best draw wins. With
// weights it is the logarithmic form: the member with the greatest -w/ln(u)
// wins, where u is its draw, uniform between 0 and 1 (Schindelhauer and
// Schomaker 2005). Scaling the draws by weight, as CARP did, does not give
// shares in proportion (draft-ietf-bess-weighted-hrw).
//
// A look-up takes O(N) time, about a nanosecond a member at equal weights and a
// few otherwise. Memory is O(N). The balance is that of a random draw.
// Placement is history-free, and every change of members and weights moves only
// the hashes that must move. It depends on the ratios of weights alone, and is
// computed in integers, with a table of logarithms.
//
// The selector is a [Ranker]: while a member is down, its hashes go where they
// would go if it left.
//
// Choose Rendezvous for up to some dozens of members. For more, tables such as
// [Bounded] are faster.
type Rendezvous struct {
	// Seed seeds the hash of the members' IDs, XXH64. Groups with the same
	// members and different seeds place independently.
	Seed uint64
}

// Build implements [Strategy]. The errors are those of [Validate].
func (r Rendezvous) Build(members []Member) (Selector, error) {
	l, err := newLineup(members, false)
	if err != nil {
		return nil, err
	}
	d := draws{seeds: make([]uint64, len(l.index)), mapping: l.mapping()}
	for k, i := range l.index {
		d.seeds[k] = hashID(r.Seed, members[i].ID)
	}
	d.place = places(&l, len(members))
	if l.equal() {
		return &rendezvous{d}, nil
	}
	return &weightedRendezvous{d, l.weights, logTable()}, nil
}

// Minimal implements [Minimal]: it is true.
func (r Rendezvous) Minimal() bool { return true }

// String returns the strategy as [ParseStrategy] reads it.
func (r Rendezvous) String() string { return strategyText(r) }

func (r Rendezvous) identity() string { return identityOf("rendezvous", r.Seed) }

// draws are the members' sources of random numbers.
type draws struct {
	seeds   []uint64 // in order of ID
	mapping []int32  // place to member; nil: the same
	place   []int32  // member to place, -1 for the drained; nil: the same
}

func (d *draws) String() string { return fmt.Sprintf("rendezvous of %d members", len(d.seeds)) }

// placeOf returns the place of a member, or -1 if it takes no part.
func (d *draws) placeOf(member int32) int { return placeOf(d.place, len(d.seeds), member) }

// draw returns a member's random number for a hash that went through spread.
func draw(h, seed uint64) uint64 { return multiplyFold(h^seed, seed^mixB) }

// rendezvous selects the member with the greatest draw; of equals the first.
type rendezvous struct{ draws }

func (s *rendezvous) Select(h uint64) int32 { return memberAt(s.mapping, leader(spread(h), s.seeds)) }

// leader goes four members at a time: a loop of one takes up to half longer
// where the linker happens to lay it across two lines of the instruction cache.
func leader(h uint64, seeds []uint64) int {
	best, place, k := draw(h, seeds[0]), 0, 1
	for ; k+4 <= len(seeds); k += 4 {
		four := seeds[k : k+4 : k+4]
		if u := draw(h, four[0]); u > best {
			best, place = u, k
		}
		if u := draw(h, four[1]); u > best {
			best, place = u, k+1
		}
		if u := draw(h, four[2]); u > best {
			best, place = u, k+2
		}
		if u := draw(h, four[3]); u > best {
			best, place = u, k+3
		}
	}
	for ; k < len(seeds); k++ {
		if u := draw(h, seeds[k]); u > best {
			best, place = u, k
		}
	}
	return place
}

func (s *rendezvous) SelectBatch(dst []int32, hashes []uint64) {
	dst = window(dst, len(hashes))
	last := len(hashes) - 1
	for i := 0; i < last; i += 2 {
		a, b := leaders(spread(hashes[i]), spread(hashes[i+1]), s.seeds)
		dst[i], dst[i+1] = memberAt(s.mapping, a), memberAt(s.mapping, b)
	}
	if last%2 == 0 {
		dst[last] = s.Select(hashes[last])
	}
}

// leaders is leader for two hashes at once, which fetches each member once and
// takes a quarter less time. It is not inlined, since the compiler would then
// branch at each new leader, and that branch is mispredicted more often than
// not.
//
//go:noinline
func leaders(h, g uint64, seeds []uint64) (place, other int) {
	var best, bestOther uint64
	for k, seed := range seeds {
		factor := seed ^ mixB
		if u := multiplyFold(h^seed, factor); u > best {
			best, place = u, k
		}
		if u := multiplyFold(g^seed, factor); u > bestOther {
			bestOther, other = u, k
		}
	}
	return place, other
}

// Next implements [Ranker]: members follow in order of their draws. It is -1
// for a drained or unknown member.
func (s *rendezvous) Next(h uint64, after int32) int32 {
	last := s.placeOf(after)
	if last < 0 {
		return -1
	}
	h = spread(h)
	// A runnerUp would do, but takes four times as long.
	bound := draw(h, s.seeds[last])
	best, place := uint64(0), -1
	for k, seed := range s.seeds {
		u := draw(h, seed)
		if (u > best || place < 0) && (u < bound || u == bound && k > last) {
			best, place = u, k
		}
	}
	if place < 0 {
		return -1
	}
	return memberAt(s.mapping, place)
}
