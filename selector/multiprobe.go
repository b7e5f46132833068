package selector

import (
	"slices"
	"strconv"
)

// Probes of a [MultiProbe].
const (
	DefaultProbes = 21 // the paper's, for a peak-to-mean of about 1.05
	MaxProbes     = 1 << 10
)

// MultiProbe is multi-probe consistent hashing (Appleton and O'Reilly,
// "Multi-probe consistent hashing", arXiv 1505.00062, 2015): each member has
// one point on the ring of all hashes, and each hash is probed from Probes
// places. The probe that has the least way to the next point wins. So no member
// gets much more than its due, as on a ring with hundreds of points a member,
// in the memory of one.
//
// Probe j of a hash, from 0, is number j+1 of SplitMix64 with the hash as the
// state. Of equal ways, the point of the first member in order of ID wins. With
// weights, a member has a point for each unit of its weight, where weights are
// divided by their greatest common divisor, and where that is over 65,536 in
// all and over 16 for each member, the number for a unit is halved as often as
// it takes to stay below; a member has at least one. Point k of an ID is the
// XXH64, seeded, of the ID and k as four bytes, little-endian.
//
// A look-up takes O(Probes) expected time, about 10 ns a probe while the points
// are in cache. Memory is 24 to 32 bytes a point; building takes linear time.
// The balance is bounded above only: with 100 members the greatest share was
// 1.1 times its due, with 8 of them 1.24, but one whose point comes close
// behind another's may get next to nothing (the root of the mean square error
// is 16 to 19 %). Weights, hence more points, mend that to some degree.
// Placement is history-free. A member that joins or leaves moves the fewest
// hashes possible, as long as the common divisor and the halving stay as they
// are; so does a change of one weight.
//
// The selector is a [Ranker]: further members follow in order of their points'
// least way from a probe, as if those before had left. Choose MultiProbe where
// memory counts and only the greatest load matters; for up to some dozens of
// members [Rendezvous] is faster and exact, and for more a table is.
type MultiProbe struct {
	// Probes is the number of probes, at most [MaxProbes]. 0 means
	// DefaultProbes. More balance better and take longer.
	Probes uint32

	// Seed seeds the hash of IDs. Groups with the same members and different
	// seeds place independently.
	Seed uint64
}

// Build implements [Strategy]. The errors are those of [Validate], and
// ErrParameter for Probes.
func (m MultiProbe) Build(members []Member) (Selector, error) {
	l, err := newLineup(members, false)
	if err != nil {
		return nil, err
	}
	if m.Probes > MaxProbes {
		return nil, &GroupError{Err: ErrParameter, Index: -1, Value: uint64(m.Probes), Limit: MaxProbes}
	}
	counts := pointCounts(&l, 1)
	s := &multiProbe{circle: newCircle(members, &l, counts, m.Seed), probes: m.probes(), mapping: l.mapping()}
	s.place = places(&l, len(members))
	s.own = make([][]uint64, len(l.index))
	for k, n := range counts {
		s.own[k] = make([]uint64, 0, n)
	}
	for _, p := range s.circle.points {
		s.own[p.place] = append(s.own[p.place], p.at)
	}
	return s, nil
}

func (m MultiProbe) probes() uint32 {
	if m.Probes == 0 {
		return DefaultProbes
	}
	return m.Probes
}

func (m MultiProbe) identity() string {
	return "multi-probe/" + strconv.FormatUint(uint64(m.probes()), 10) + "/" + strconv.FormatUint(m.Seed, 10)
}

type multiProbe struct {
	circle  circle
	own     [][]uint64 // the points of each place, sorted
	probes  uint32
	mapping []int32
	place   []int32 // member to place, as places returns it
}

func (s *multiProbe) Select(h uint64) int { return memberAt(s.mapping, s.best(h)) }

func (s *multiProbe) SelectBatch(dst []int32, hashes []uint64) {
	dst = window(dst, len(hashes))
	for i, h := range hashes {
		dst[i] = int32(memberAt(s.mapping, s.best(h)))
	}
}

func (s *multiProbe) best(h uint64) int {
	way, place := ^uint64(0), uint16(0xffff)
	for range s.probes {
		probe := splitMix64(h)
		h += weyl
		p := s.circle.points[s.circle.find(probe)]
		if d := p.at - probe; d < way || d == way && p.place < place {
			way, place = d, p.place
		}
	}
	return int(place)
}

// bid returns the bid of the member at a place: its cost is the least way from
// a probe of h to one of the member's points.
func (s *multiProbe) bid(h uint64, place int) bid {
	own, least := s.own[place], ^uint64(0)
	for range s.probes {
		probe := splitMix64(h)
		h += weyl
		i, _ := slices.BinarySearch(own, probe)
		if i == len(own) {
			i = 0
		}
		least = min(least, own[i]-probe)
	}
	return bid{cost: least, weight: 1, place: place}
}

// Next implements [Ranker], in O(N*Probes) time, more by the logarithm of the
// points a member has. It is -1 for a drained or unknown member, too.
func (s *multiProbe) Next(h uint64, after int) int {
	last := placeOf(s.place, len(s.own), after)
	if last < 0 {
		return -1
	}
	next := runnerUp{bound: s.bid(h, last)}
	for k := range s.own {
		if b := s.bid(h, k); next.wants(b) {
			next.offer(b)
		}
	}
	return next.member(s.mapping)
}
