package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// A simulatedVersion is one state of the group. The version of a group is its
// index and one.
type simulatedVersion struct {
	hops        []selector.Hop[int]
	incarnation map[string]uint64
	prepared    bool // by every gateway
}

func memberID(i int) string { return fmt.Sprintf("m%02d", i) }

// addVersion appends a version. A member that joins gets an incarnation of its
// own.
func (s *simulation) addVersion(hops []selector.Hop[int]) {
	v := simulatedVersion{hops: slices.Clone(hops), incarnation: make(map[string]uint64)}
	slices.SortFunc(v.hops, func(a, b selector.Hop[int]) int { return strings.Compare(a.ID, b.ID) })
	for i := range v.hops {
		h := &v.hops[i]
		h.Incarnation = uint64(len(s.versions) + 1)
		if len(s.versions) > 0 {
			if old, ok := s.latest().incarnation[h.ID]; ok {
				h.Incarnation = old
			}
		}
		v.incarnation[h.ID] = h.Incarnation
	}
	s.versions = append(s.versions, v)
}

func (s *simulation) latest() *simulatedVersion { return &s.versions[len(s.versions)-1] }

// changeOften changes the group now and then.
func (s *simulation) changeOften() {
	if s.ended || s.now > began+s.config.until {
		return
	}
	s.change()
	if s.config.pairs {
		s.after(500*time.Millisecond, s.change)
	}
	s.after(s.config.every+upTo(s.random, s.config.later), s.changeOften)
}

func (s *simulation) change() {
	hops := slices.Clone(s.latest().hops)
	s.traffic.changes++
	switch s.random.IntN(4) {
	case 0, 1: // one joins, or comes back as another incarnation
		id := memberID(s.traffic.members + s.config.members)
		if s.random.IntN(2) == 0 {
			id = memberID(s.random.IntN(s.traffic.members + s.config.members))
		} else {
			s.traffic.members++
		}
		if !slices.ContainsFunc(hops, func(h selector.Hop[int]) bool { return h.ID == id }) {
			hops = append(hops, selector.Hop[int]{ID: id, Weight: 1})
		}
	case 2:
		if len(hops) > 4 {
			i := s.random.IntN(len(hops))
			hops = slices.Delete(hops, i, i+1)
		}
	case 3: // a weight, or a drain
		hops[s.random.IntN(len(hops))].Weight = uint32(s.random.IntN(3))
		if !slices.ContainsFunc(hops, func(h selector.Hop[int]) bool { return h.Weight > 0 }) {
			hops[0].Weight = 1
		}
	}
	done := func() {
		if s.random.IntN(2) == 0 {
			at := s.config.switched
			s.after(at[0]+upTo(s.random, at[1]-at[0]), s.switchFlows)
		}
	}
	if s.config.announced {
		s.announce(hops, done)
	} else {
		s.put(hops)
		done()
	}
}

// announce makes a change in two phases: members join with weight 0, and the
// change is put when every gateway is prepared, or after two seconds.
func (s *simulation) announce(hops []selector.Hop[int], done func()) {
	joined := slices.Clone(s.latest().hops)
	for _, h := range hops {
		if _, is := s.latest().incarnation[h.ID]; !is {
			joined = append(joined, selector.Hop[int]{ID: h.ID})
		}
	}
	if len(joined) > len(s.latest().hops) {
		s.put(joined)
	}
	for i := range hops {
		hops[i].Incarnation = s.latest().incarnation[hops[i].ID]
	}
	plan := uint64(len(s.versions))
	prepared := 0
	for _, g := range s.gateways {
		s.after(upTo(s.network, 50*time.Millisecond), func() { g.prepare(plan, hops, func() { prepared++ }) })
	}
	deadline := s.now + 2*time.Second
	var wait func()
	wait = func() {
		if prepared == len(s.gateways) || s.now >= deadline {
			s.put(hops)
			if prepared == len(s.gateways) {
				s.traffic.prepared++
				s.latest().prepared = true
			}
			done()
			return
		}
		s.after(10*time.Millisecond, wait)
	}
	wait()
}

// prepare prepares a gateway for a plan, once it is where the plan begins.
func (g *simulatedGateway) prepare(plan uint64, hops []selector.Hop[int], done func()) {
	if uint64(len(g.versions)) != plan {
		return // it is in force
	}
	if g.version+1 < len(g.versions) {
		g.after(10*time.Millisecond, func() { g.prepare(plan, hops, done) })
		return
	}
	if g.config.alone {
		done()
		return
	}
	planned, err := g.group.Plan(nil, hops)
	require.NoError(g.t, err)
	g.sharer.prepare(g.shared, plan, planned.View(), g.instant())
	g.sharer.waiting = append(g.sharer.waiting, preparation{g.shared, plan, done})
	g.stepAt(g.now)
}

// put makes a change, which comes to each gateway at another time.
func (s *simulation) put(hops []selector.Hop[int]) {
	s.addVersion(hops)
	version := len(s.versions) - 1
	for _, g := range s.gateways {
		late := upTo(s.network, 2*time.Millisecond)
		if s.network.Float64() < 0.3 {
			late = upTo(s.network, s.config.behind)
		}
		g.lateAt = max(s.now+late, g.lateAt+time.Microsecond)
		s.after(g.lateAt-s.now, func() { g.apply(version) })
	}
}

func (g *simulatedGateway) apply(version int) {
	require.Equal(g.t, version, g.version+1)
	old := g.group.Load().View()
	snapshot, err := g.group.UpdateAt(uint64(version+1), g.versions[version].hops)
	require.NoError(g.t, err)
	g.version = version
	if !g.config.alone {
		g.sharer.changed(g.shared, old, snapshot.View(), g.instant())
	}
	if g.config.noChangeScan {
		g.shared.scans = slices.DeleteFunc(g.shared.scans, func(n *scan) bool { return n.kind == scanOfChange })
	}
	if g.config.noYoung {
		g.shared.young = nil
	}
	if g.config.noDoubt {
		g.group.Settle(uint64(version + 1))
	}
	g.stepAt(g.now)
	for _, o := range g.gateways {
		if o.version < version {
			return
		}
	}
	// A heartbeat tells at once. Pins of a change that was not prepared are given
	// time to come.
	for _, o := range g.gateways {
		after := time.Millisecond + upTo(g.network, 5*time.Millisecond)
		if !g.versions[version].prepared {
			after += 300*time.Millisecond + upTo(g.network, time.Second)
		}
		g.after(after, func() {
			o.group.Settle(uint64(version + 1))
			o.sharer.settled(o.shared, uint64(version+1), o.instant())
		})
	}
}
