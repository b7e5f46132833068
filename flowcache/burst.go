package flowcache

import (
	"math/bits"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// ahead is how many packets a burst has at most, whose cache misses overlap. A
// set of them is a uint32.
const ahead = 32

// burst routes up to ahead packets, in steps that go through all of them. A
// processor looks only a few hundred instructions past a cache miss, so that
// the misses of a burst overlap just in steps that do little else.
//
// Most packets are done after a look at their home bucket. The others may
// change their flow's pin, or the flow has none there: all packets of a flow
// alike, which are then routed one after another. Their away buckets are asked
// for before the others are routed, so that those misses overlap too.
func (s *Sticky) burst(dst []Route, p []Packet, views []*selector.View) {
	var (
		homes, aways [ahead]*bucket
		found        [ahead]word
	)
	t := s.table
	t.findHomes(&homes, p)
	prefetch(homes[:len(p)])
	absent := match(&found, &homes, p)
	if absent != 0 {
		prefetch(aways[:t.findAways(&aways, p, absent)])
	}
	if changing := s.routeHits(dst, p, &found, views) &^ absent; changing|absent != 0 {
		s.routeOthers(dst, p, views, changing, absent, &aways)
	}
}

func (t *Table) findHomes(homes *[ahead]*bucket, p []Packet) {
	for i := range p {
		homes[uint(i)%ahead] = &t.buckets[t.home(p[i].Digest)]
	}
}

// findAways finds the away buckets of a set of packets, one after another, and
// returns how many they are.
func (t *Table) findAways(aways *[ahead]*bucket, p []Packet, set uint32) (n int) {
	for ; set != 0; set &= set - 1 {
		digest := p[bits.TrailingZeros32(set)].Digest
		aways[n%ahead] = &t.buckets[t.away(tagOf(digest), t.home(digest))]
		n++
	}
	return n
}

// prefetch asks for the cache lines of buckets.
func prefetch(buckets []*bucket) {
	for _, b := range buckets {
		b[0].Load()
	}
}

// match looks for the packets' tags in their home buckets: what it finds is
// what minXOR returns. It returns the set of the packets whose flow has no pin
// there.
func match(found *[ahead]word, homes *[ahead]*bucket, p []Packet) (absent uint32) {
	for i := range p {
		b, tag := homes[uint(i)%ahead], tagOf(p[i].Digest)
		w := min(minXOR(b.lower(), tag), minXOR(b.upper(), tag))
		found[uint(i)%ahead] = w
		absent |= uint32(min(w>>tagShift, 1)) << (uint(i) % ahead)
	}
	return absent
}

// routeHits routes the packets whose pin was found and needs no write. It
// returns the set of the others. It makes no call, see package engine.
func (s *Sticky) routeHits(dst []Route, p []Packet, found *[ahead]word, views []*selector.View) (others uint32) {
	dst = dst[:len(p)]
	hitAge, releases := &s.table.clocks.hitAge, s.table.releases.Load()
	for i, w := range found[:len(p)] {
		q := &p[i]
		if q.Flags&(hash.SYN|hash.FIN|hash.RST) == 0 && q.Mode != Skip && w>>tagShift == 0 &&
			w.steps(&s.now) < hitAge[w&stateMask] && !releases.has(w.slot()) {
			v := views[q.Ref]
			index, slot, member := v.SlotIndex(), uint32(w.slot()), 0
			if at := slot - index.First; at < uint32(len(index.Dense)) {
				member = int(index.Dense[at])
			} else if len(index.Dense) == 0 { // as index.Find, without a call
				mask := uint32(len(index.Entries) - 1)
				for at := slot & mask; index.Entries[at] != 0; at = (at + 1) & mask {
					if e := index.Entries[at]; e>>16 == slot {
						member = int(e & slots.Max)
						break
					}
				}
			}
			if member > 0 && v.Alive(member-1) {
				dst[i] = Route{int32(member - 1), Pinned}
				continue
			}
		}
		others |= 1 << (uint(i) % ahead)
	}
	return others
}

// routeOthers routes the packets of two sets: those whose pin may change, and
// those of whose flow no pin was found in its home bucket.
func (s *Sticky) routeOthers(dst []Route, p []Packet, views []*selector.View, changing, absent uint32,
	aways *[ahead]*bucket) {
	for ; changing != 0; changing &= changing - 1 {
		i := bits.TrailingZeros32(changing)
		dst[i] = s.routeOne(&p[i], views)
		if v := dst[i].Verdict; v == Placed || v == Unpinned {
			// of a connection begun anew: they may have been routed by the old
			// one's pin
			changing |= laterOf(p, i)
		}
	}
	for n := 0; absent != 0; n++ {
		i := bits.TrailingZeros32(absent)
		absent &= absent - 1
		if p[i].Mode != Skip {
			w := aways[n%ahead].match(tagOf(p[i].Digest))
			if member, ok := s.hit(&p[i], views[p[i].Ref], w); ok {
				dst[i] = Route{member, Pinned}
				continue
			}
		}
		dst[i] = s.routeOne(&p[i], views)
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
