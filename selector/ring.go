package selector

import (
	"cmp"
	"fmt"
)

// Points of a [Ring].
const (
	DefaultPoints = 160     // of libketama
	MaxPoints     = 1 << 12 // for each unit of weight
)

// Ring is consistent hashing on a ring (Karger et al., "Consistent Hashing and
// Random Trees", STOC 1997), known from libketama and Envoy. Each member has
// points at random places on the ring of all hashes, and a hash belongs to the
// first point at or after it.
//
// A member has Points points for each unit of its weight, where weights are
// divided by their greatest common divisor. Where that is more than 16 * Points
// a member on average and more than 65,536 in all, or more than [MaxTableSize],
// the points of a unit are halved until it is not. Each member has at least
// one. Point k of an ID is the XXH64, seeded, of the ID and k as four bytes,
// little-endian. A point that two share is that of the first in order of ID.
//
// A look-up takes O(1) expected time, memory O(1) a point, building linear
// time. The balance is poor: a share is off by about 1/sqrt(Points) of its due.
// Placement is history-free. While the common divisor and the halving stay, a
// change of one member moves only the hashes that must move.
//
// The selector is a [Ranker]: members follow along the ring.
type Ring struct {
	// Points is the number of points for each unit of weight, at most
	// MaxPoints. 0 means DefaultPoints.
	Points uint32

	// Seed seeds the hash of IDs. Groups with the same members and different
	// seeds place independently.
	Seed uint64
}

// Build implements [Strategy]. The errors are those of [Validate], and
// ErrParameter for Points.
func (r Ring) Build(members []Member) (Selector, error) {
	l, err := newLineup(members, false)
	if err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	counts := pointCounts(&l, uint64(r.points()))
	s := &ring{circle: newCircle(members, &l, counts, r.Seed), mapping: l.mapping()}
	if len(s.circle.points) > farPoints {
		s.draws, err = Threshold{}.Build(members)
	}
	return s, err
}

// farPoints is how many points leave a processor's near caches for sure: then a
// hash whose members are down is not looked up there again.
const farPoints = 1 << 18

func (r Ring) check() error { return checkParameter(r.Points, MaxPoints) }

func (r Ring) points() uint32 { return cmp.Or(r.Points, DefaultPoints) }

// String returns the strategy as [ParseStrategy] reads it.
func (r Ring) String() string { return strategyText(r) }

func (r Ring) identity() string { return identityOf("ring", uint64(r.points()), r.Seed) }

type ring struct {
	circle  circle
	mapping []int32
	draws   Selector // of the same members by weight, where there are many points
}

// again implements cheaperAgain.
func (s *ring) again() Selector {
	if s.draws != nil {
		return s.draws
	}
	return s
}

func (s *ring) Select(h uint64) int32 {
	return memberAt(s.mapping, int(s.circle.points[s.circle.find(h)].place))
}

func (s *ring) String() string { return fmt.Sprintf("ring of %d points", len(s.circle.points)) }

func (s *ring) SelectBatch(dst []int32, hashes []uint64) {
	selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
}

// Next implements [Ranker]. After the owner of h that is a look-up. After others
// it walks along the ring, over O(N log N) points at worst for N equal members.
// It is -1 for a drained or unknown member.
func (s *ring) Next(h uint64, after int32) int32 {
	at := s.circle.find(h)
	if p := s.circle.points[at]; memberAt(s.mapping, int(p.place)) == after {
		if p.another == 0 {
			return -1
		}
		return memberAt(s.mapping, int(s.circle.points[s.circle.nextOfAnother(at)].place))
	}
	return s.nextAlong(at, after)
}

// nextAlong is Next for a hash whose first point is at.
func (s *ring) nextAlong(at int, after int32) int32 {
	var met [(MaxMembers + 1) / 64]uint64 // a bit for each place met so far
	passed := false
	for range s.circle.points {
		place := s.circle.points[at].place
		if at++; at == len(s.circle.points) {
			at = 0
		}
		if met[place/64]>>(place%64)&1 == 1 {
			continue
		}
		member := memberAt(s.mapping, int(place))
		if passed {
			return member
		}
		met[place/64] |= 1 << (place % 64)
		passed = member == after
	}
	return -1
}
