package flowcache

import (
	"math/bits"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// wide is how many packets a burst has at most: one bit each in a set. Their
// cache misses overlap.
const wide = 64

// burst routes up to wide packets, in steps that go through all of them. A
// processor looks only a few hundred instructions past a cache miss, so that
// misses overlap just in steps that do little else.
//
// Most packets are done after a look at their home bucket. The others may
// change their flow's pin, or the flow has none there: all packets of a flow
// alike, which are then routed one after another. Their away buckets are asked
// for before the others are routed, so that those misses overlap too.
//
// The steps are out of line: together they would have more in hand than there
// are registers.
func (s *Sticky) burst(dst []Route, p []Packet, views []*selector.View) {
	t := s.table
	s.findHomes(t.buckets, p)
	prefetch(s.buckets[:len(p)])
	absent := s.match(p)
	if absent != 0 {
		prefetch(s.buckets[:t.findAways(&s.buckets, p, absent)])
	}
	others := s.routeHits(dst, p, views)
	if r := t.releases.Load(); r != nil {
		others |= r.among(s.found[:len(p)], p)
	}
	if changing := others &^ absent; changing|absent != 0 {
		s.routeOthers(dst, p, views, changing, absent)
	}
}

// findHomes finds the home buckets of packets.
//
//go:noinline
func (s *Sticky) findHomes(buckets []bucket, p []Packet) {
	for i := range p {
		s.buckets[uint(i)%wide] = &buckets[homeOf(p[i].Digest, len(buckets))]
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
//
//go:noinline
func prefetch(buckets []*bucket) {
	for _, b := range buckets {
		b[0].Load()
	}
}

// match looks for the packets' tags in their home buckets. It finds the pin XOR
// the digest: its tag bits are 0 if there is one. It returns the set of the
// packets without. A digest whose tag is 0, which no pin has, finds a vacant
// word, and so needs another look.
//
//go:noinline
func (s *Sticky) match(p []Packet) (absent uint64) {
	for i := range p {
		b, d := s.buckets[uint(i)%wide], p[i].Digest
		x := min(
			min(min(b[0].Load()^d, b[1].Load()^d), min(b[2].Load()^d, b[3].Load()^d)),
			min(min(b[4].Load()^d, b[5].Load()^d), min(b[6].Load()^d, b[7].Load()^d)))
		s.found[uint(i)%wide] = x
		if x >= 1<<tagShift {
			absent |= 1 << (uint(i) % wide)
		}
	}
	return absent
}

// routeHits routes the packets whose pin was found and needs no write. It
// returns the set of the others. It makes no call, see package engine.
func (s *Sticky) routeHits(dst []Route, p []Packet, views []*selector.View) (others uint64) {
	dst = dst[:len(p)]
	hitAge := &s.table.clocks.hitAge
	for i, x := range s.found[:len(p)] {
		q := &p[i]
		w := word(x ^ q.Digest)
		if q.Flags&(hash.SYN|hash.FIN|hash.RST) == 0 && q.Mode != Skip && x>>tagShift == 0 &&
			w.steps(&s.now) < hitAge[w&stateMask] {
			v := views[q.Ref]
			index, slot, member := v.SlotIndex(slots.Insider{}), uint32(w.slot()), int32(0)
			if at := uint(slot - index.First); at < uint(len(index.Dense)) {
				member = int32(index.Dense[at])
			} else if len(index.Dense) == 0 { // as index.Find, without a call
				mask := uint32(len(index.Entries) - 1)
				for at := slot & mask; index.Entries[at] != 0; at = (at + 1) & mask {
					if e := index.Entries[at]; e>>16 == slot {
						member = int32(e & slots.Max)
						break
					}
				}
			}
			if member > 0 && v.Alive(member-1) {
				dst[i] = Route{member - 1, Pinned}
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
			if member, ok := s.hit(p[i].Flags, views[p[i].Ref], w); ok {
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
