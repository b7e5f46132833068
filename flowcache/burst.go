package flowcache

import "math/bits"

// ahead is how many packets a burst has at most, whose cache misses overlap. A
// set of them is a uint32.
const ahead = 32

// burst routes up to ahead packets, in steps that go through all of them. A
// processor looks only a few hundred instructions past a cache miss, so that
// the misses of a burst overlap just in steps that do little else.
//
// Most packets are done after a look at their home bucket. The others may
// change their flow's pin, or the flow has none there: all packets of a flow
// alike, which are then routed one after another.
func (s *Sticky) burst(dst []Route, p []Packet, now uint32) {
	var (
		homes [ahead]*bucket
		found [ahead]word
	)
	s.table.findHomes(&homes, p)
	prefetch(homes[:len(p)])
	match(&found, &homes, p)
	changing, absent := s.table.routeHits(dst, p, &found, now)
	if changing|absent != 0 {
		s.routeOthers(dst, p, changing, absent, now)
	}
}

func (t *Table) findHomes(homes *[ahead]*bucket, p []Packet) {
	for i := range p {
		homes[uint(i)%ahead] = &t.buckets[t.home(p[i].Digest)]
	}
}

// prefetch asks for the cache lines of buckets.
func prefetch(buckets []*bucket) {
	for _, b := range buckets {
		b[0].Load()
	}
}

// match looks for the packets' tags in their home buckets: what it finds is
// what minXOR returns.
func match(found *[ahead]word, homes *[ahead]*bucket, p []Packet) {
	for i := range p {
		b, tag := homes[uint(i)%ahead], tagOf(p[i].Digest)
		found[uint(i)%ahead] = min(minXOR(b.lower(), tag), minXOR(b.upper(), tag))
	}
}

// routeHits routes the packets whose pin was found and needs no write. It
// returns the set of those whose pin may need one, and that of those whose flow
// has no pin in its home bucket.
func (t *Table) routeHits(dst []Route, p []Packet, found *[ahead]word, now uint32) (changing, absent uint32) {
	dst = dst[:len(p)]
	for i, w := range found[:len(p)] {
		if w.tag() != 0 {
			absent |= 1 << (uint(i) % ahead)
			continue
		}
		if t.clocks.unchangedBy(&p[i], w, now) {
			if member, ok := p[i].View.BySlot(w.slot()); ok && p[i].View.Alive(member) {
				dst[i] = Route{int32(member), Pinned}
				continue
			}
		}
		changing |= 1 << (uint(i) % ahead)
	}
	return changing, absent
}

// routeOthers routes the packets of two sets. The cache misses of the absent
// ones overlap with the routing of the changing ones.
func (s *Sticky) routeOthers(dst []Route, p []Packet, changing, absent uint32, now uint32) {
	var aways [ahead]*bucket
	t, n := s.table, 0
	for set := absent; set != 0; set &= set - 1 {
		digest := p[bits.TrailingZeros32(set)].Digest
		aways[n%ahead] = &t.buckets[t.away(tagOf(digest), t.home(digest))]
		n++
	}
	prefetch(aways[:n])
	for ; changing != 0; changing &= changing - 1 {
		i := bits.TrailingZeros32(changing)
		dst[i] = s.route(&p[i], now)
		if v := dst[i].Verdict; v == Placed || v == Unpinned {
			// of a connection begun anew: they may have been routed by the old
			// one's pin
			changing |= laterOf(p, i)
		}
	}
	for _, b := range aways[:n] {
		i := bits.TrailingZeros32(absent)
		absent &= absent - 1
		if member, ok := t.hit(&p[i], b.match(tagOf(p[i].Digest)), now); ok {
			dst[i] = Route{int32(member), Pinned}
		} else {
			dst[i] = s.route(&p[i], now)
		}
	}
}

// laterOf returns the set of the packets after i that are of its flow.
func laterOf(p []Packet, i int) (set uint32) {
	for j := i + 1; j < len(p); j++ {
		if p[j].Digest == p[i].Digest {
			set |= 1 << (uint(j) % ahead)
		}
	}
	return set
}
