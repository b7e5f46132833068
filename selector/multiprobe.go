package selector

import (
	"cmp"
	"fmt"
	"slices"
)

// Probes of a [MultiProbe].
const (
	DefaultProbes = 21 // the paper's, for a peak-to-mean of about 1.05
	MaxProbes     = 1 << 10
)

// MultiProbe is multi-probe consistent hashing (Appleton and O'Reilly,
// "Multi-probe consistent hashing", arXiv 1505.00062, 2015). Each member has
// one point on the ring of all hashes, each hash is probed from Probes places,
// and the probe with the shortest way to the next point wins. So no member gets
// much more than its due, in the memory of one point a member.
//
// Probe j of a hash, from 0, is number j+1 of SplitMix64 with the hash as the
// state. Of equal ways, the first member in order of ID wins. Points are those
// of [Ring], one for each unit of weight.
//
// A look-up takes O(Probes) expected time, memory O(1) a point, building linear
// time. The balance is bounded above only: a member whose point comes close
// behind another's may get next to nothing. Placement is history-free. While
// the common divisor and the halving stay, a change of one member moves only
// the hashes that must move.
//
// The selector is a [Ranker]: members follow in order of their shortest way, as
// if those before had left.
//
// Choose MultiProbe where memory counts and only the greatest load matters.
// [Rendezvous] is exact and faster for some dozens of members.
type MultiProbe struct {
	// Probes is the number of probes, at most MaxProbes. 0 means
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
	if err := m.check(); err != nil {
		return nil, err
	}
	counts := pointCounts(&l, 1)
	s := &multiProbe{circle: newCircle(members, &l, counts, m.Seed), probes: m.probes(), mapping: l.mapping()}
	s.place = places(&l, len(members))
	if s.draws, err = (Threshold{}).Build(members); err != nil {
		return nil, err
	}
	s.own = make([][]uint64, len(l.index))
	for k, n := range counts {
		s.own[k] = make([]uint64, 0, n)
	}
	for _, p := range s.circle.points {
		s.own[p.place] = append(s.own[p.place], p.at)
	}
	return s, nil
}

func (m MultiProbe) check() error { return checkParameter(m.Probes, MaxProbes) }

func (m MultiProbe) probes() uint32 { return cmp.Or(m.Probes, DefaultProbes) }

// String returns the strategy as [ParseStrategy] reads it.
func (m MultiProbe) String() string { return strategyText(m) }

func (m MultiProbe) identity() string { return identityOf("multi-probe", uint64(m.probes()), m.Seed) }

type multiProbe struct {
	circle  circle
	own     [][]uint64 // the points of each place, sorted
	probes  uint32
	mapping []int32
	place   []int32  // member to place, as places returns it
	draws   Selector // of the same members by weight
}

func (s *multiProbe) Select(h uint64) int32 { return memberAt(s.mapping, s.best(h)) }

func (s *multiProbe) String() string {
	return fmt.Sprintf("multiprobe of %d points", len(s.circle.points))
}

func (s *multiProbe) SelectBatch(dst []int32, hashes []uint64) {
	selectEach(dst, hashes, func(h uint64) int32 { return s.Select(h) })
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

// bestTwo returns the place that wins, and the one that wins if another place
// takes no part.
func (s *multiProbe) bestTwo(h uint64, without uint16) (best, heir uint16) {
	best, heir = 0xffff, 0xffff
	way, wayOfHeir := ^uint64(0), ^uint64(0)
	for range s.probes {
		probe := splitMix64(h)
		h += weyl
		i := s.circle.find(probe)
		p := s.circle.points[i]
		if d := p.at - probe; d < way || d == way && p.place < best {
			way, best = d, p.place
		}
		if p.place == without {
			p = s.circle.points[s.circle.nextOfAnother(i)]
		}
		if d := p.at - probe; d < wayOfHeir || d == wayOfHeir && p.place < heir {
			wayOfHeir, heir = d, p.place
		}
	}
	return best, heir
}

// again implements cheaperAgain.
func (s *multiProbe) again() Selector { return s.draws }

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

// Next implements [Ranker], in O(Probes) time after the owner of h and in
// O(N*Probes) time after others. It is -1 for a drained or unknown member.
func (s *multiProbe) Next(h uint64, after int32) int32 {
	last := placeOf(s.place, len(s.own), after)
	if last < 0 || len(s.own) == 1 {
		return -1
	}
	if owner, heir := s.bestTwo(h, uint16(last)); int(owner) == last {
		return memberAt(s.mapping, int(heir))
	}
	next := runnerUp{bound: s.bid(h, last)}
	for k := range s.own {
		if b := s.bid(h, k); next.wants(b) {
			next.offer(b)
		}
	}
	return next.member(s.mapping)
}
