package flowcache

import (
	"math/bits"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	// wide is how many packets a burst has at most: one bit each in a set.
	wide = 64

	// ahead is how many packets' cache misses overlap. More than these are
	// more than a processor can have under way.
	ahead = 32
)

// burst routes up to wide packets, in steps that go through all of them. A
// processor looks only a few hundred instructions past a cache miss, so that
// misses overlap just in steps that do little else.
//
// Most packets are done after a look at their home bucket. The others may
// change their flow's pin, or the flow has none there: all packets of a flow
// alike, which are then routed one after another. Their away buckets are asked
// for before the others are routed, so that those misses overlap too.
func (s *Sticky) burst(dst []Route, p []Packet, views []*selector.View) {
	t, absent := s.table, uint64(0)
	for at := 0; at < len(p); at += ahead {
		part := p[at:min(at+ahead, len(p))]
		t.findHomes(&s.buckets, part)
		prefetch(s.buckets[:len(part)])
		absent |= match(s.found[at:][:len(part)], &s.buckets, part) << at
	}
	if absent != 0 {
		prefetch(s.buckets[:t.findAways(&s.buckets, p, absent)])
	}
	others := s.routeHits(dst, p, views)
	if r := t.releases.Load(); r != nil {
		others |= r.among(s.found[:len(p)])
	}
	if changing := others &^ absent; changing|absent != 0 {
		s.routeOthers(dst, p, views, changing, absent)
	}
}

func (t *Table) findHomes(homes *[wide]*bucket, p []Packet) {
	for i := range p {
		homes[uint(i)%wide] = &t.buckets[t.home(p[i].Digest)]
	}
}

// findAways finds the away buckets of a set of packets, one after another, and
// returns how many they are.
func (t *Table) findAways(aways *[wide]*bucket, p []Packet, set uint64) (n int) {
	for ; set != 0; set &= set - 1 {
		digest := p[bits.TrailingZeros64(set)].Digest
		aways[n%wide] = &t.buckets[t.away(tagOf(digest), t.home(digest))]
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

// match looks for the packets' tags in their home buckets. It finds the pin
// without its tag if one matches, else a word with tag bits set, and returns
// the set of the packets with such words. A digest whose tag is 0, which no pin
// has, finds a vacant word, and so needs another look.
func match(found []word, homes *[wide]*bucket, p []Packet) (absent uint64) {
	found = found[:len(p)]
	for i := range p {
		b, d := homes[uint(i)%wide], p[i].Digest
		w := min(
			min(min(b[0].Load()^d, b[1].Load()^d), min(b[2].Load()^d, b[3].Load()^d)),
			min(min(b[4].Load()^d, b[5].Load()^d), min(b[6].Load()^d, b[7].Load()^d)))
		found[i] = word(w ^ d&(1<<tagShift-1))
		absent |= min(w>>tagShift, 1) << (uint(i) % wide)
	}
	return absent
}

// routeHits routes the packets whose pin was found and needs no write. It
// returns the set of the others. It makes no call, see package engine.
func (s *Sticky) routeHits(dst []Route, p []Packet, views []*selector.View) (others uint64) {
	dst = dst[:len(p)]
	hitAge := &s.table.clocks.hitAge
	for i, w := range s.found[:len(p)] {
		q := &p[i]
		if q.Flags&(hash.SYN|hash.FIN|hash.RST) == 0 && q.Mode != Skip && w>>tagShift == 0 &&
			w.steps(&s.now) < hitAge[w&stateMask] {
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
		others |= 1 << (uint(i) % wide)
	}
	return others
}

// routeOthers routes the packets of two sets: those whose pin may change, and
// those of whose flow no pin was found in its home bucket.
func (s *Sticky) routeOthers(dst []Route, p []Packet, views []*selector.View, changing, absent uint64) {
	for ; changing != 0; changing &= changing - 1 {
		i := bits.TrailingZeros64(changing)
		dst[i] = s.routeOne(&p[i], views)
		if v := dst[i].Verdict; v == Placed || v == Unpinned {
			// of a connection begun anew: they may have been routed by the old
			// one's pin
			changing |= laterOf(p, i)
		}
	}
	for n := 0; absent != 0; n++ {
		i := bits.TrailingZeros64(absent)
		absent &= absent - 1
		if p[i].Mode != Skip {
			w := s.buckets[n%wide].match(tagOf(p[i].Digest))
			if member, ok := s.hit(&p[i], views[p[i].Ref], w); ok {
				dst[i] = Route{member, Pinned}
				continue
			}
		}
		dst[i] = s.routeOne(&p[i], views)
	}
}

// laterOf returns the set of the packets after i that are of its flow.
func laterOf(p []Packet, i int) (set uint64) {
	for j := i + 1; j < len(p); j++ {
		if p[j].Digest == p[i].Digest {
			set |= 1 << (uint(j) % wide)
		}
	}
	return set
}
