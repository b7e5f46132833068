package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A gateway is a load balancer of the row. It shares nothing with the others.
type gateway struct {
	group  *selector.Group[int] // the payload tells the runs of a pod apart
	table  *flowcache.Table
	sticky *flowcache.Sticky
}

// A connection ends when its packets meet a pod that does not know it.
type connection struct {
	hash, edge uint64 // the routers before the gateways have a hash of their own
	end        time.Duration
	gateway    *gateway // that its last packet came through
	run        int      // of the pod that it began at
}

type simulation struct {
	scenario
	outcome
	events
	random  *rand.Rand
	down    bool              // gateway 0
	edge    selector.Selector // of a connection's gateway
	row     []*gateway
	all     []selector.Hop[int] // the pods, those that are stopped too
	stopped map[int]bool        // runs of pods that ended
}

// newGateway returns a gateway as it starts: it knows the pods and no flow.
func (s *simulation) newGateway() *gateway {
	domain := selector.NewDomain()
	table := must(flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 10_000}))
	g := &gateway{must(selector.NewGroup[int](domain, selector.GroupConfig{Strategy: s.strategy})), table,
		flowcache.NewSticky(table)}
	must(g.group.Update(s.present()))
	return g
}

// route returns the run of a pod that gets a packet.
func (s *simulation) route(g *gateway, h uint64, flags hash.TCPFlags) int {
	snapshot := g.group.Load()
	if !s.sticky {
		return *snapshot.At(snapshot.View().Select(h))
	}
	packet := flowcache.NewPacket(&hash.Flow{Hash: h, Proto: hash.TCP, Flags: flags}, g.group.Salt(), 0)
	return *snapshot.At(g.sticky.Route(packet, snapshot.View(), s.now).Member)
}

// begin starts a connection, and plans the next one.
func (s *simulation) begin() {
	lasts := float64(shortest) * math.Pow(1-s.random.Float64(), -1/shape)
	c := &connection{hash: s.random.Uint64(), edge: s.random.Uint64()}
	c.end = s.now + time.Duration(min(lasts, float64(longest)))
	c.gateway = s.row[s.edge.Select(c.edge)]
	c.run = s.route(c.gateway, c.hash, hash.SYN)
	s.Connections++
	s.at(s.now+interval, func() { s.packet(c) })
	if next := s.now + time.Duration(s.random.ExpFloat64()*float64(span)/float64(s.connections)); next < span {
		s.at(next, s.begin)
	}
}

// packet sends a packet of a connection, and plans the next one.
func (s *simulation) packet(c *connection) {
	flags := hash.ACK
	if s.now >= c.end {
		flags |= hash.FIN
	}
	g := s.row[s.edge.Select(c.edge)]
	switch run := s.route(g, c.hash, flags); {
	case run == c.run && s.now < c.end:
		c.gateway = g
		s.at(s.now+interval, func() { s.packet(c) })
	case run == c.run: // it ended well
	case s.stopped[c.run]:
		s.Stopped++
	case g != c.gateway:
		s.Moved++
		s.lost = append(s.lost, s.now)
	default:
		s.Changed++
		s.lost = append(s.lost, s.now)
	}
}

// change returns what changes the pods, or the gateways that routers use, and
// tells all who must know.
func (s *simulation) change(do func()) func() {
	return func() {
		do()
		up := selector.Equal("a", "b", "c", "d")
		if s.down {
			up[0].Weight = 0
		}
		s.edge = must(selector.New(selector.Threshold{}, up)) // as most routers do
		for i, g := range s.row {
			if up[i].Weight > 0 {
				must(g.group.Update(s.present()))
			}
		}
	}
}

// present returns the pods that are not stopped.
func (s *simulation) present() []selector.Hop[int] {
	return slices.DeleteFunc(slices.Clone(s.all), func(p selector.Hop[int]) bool { return s.stopped[p.Value] })
}

// simulate plays a scenario. It reads no clock and shares nothing, so that any
// number of simulations can run at once.
func simulate(c scenario) outcome {
	s := &simulation{scenario: c, random: rand.New(rand.NewPCG(c.seed, 0)), stopped: map[int]bool{}}
	s.all = make([]selector.Hop[int], pods)
	for i := range pods {
		begins, p := upgrade+time.Duration(i)*step, &s.all[i]
		*p = selector.Hop[int]{ID: podName(i), Weight: 1, Value: i}
		s.at(begins, s.change(func() { p.Weight = 0 }))
		s.at(begins+drained, s.change(func() { s.stopped[p.Value] = true }))
		s.at(begins+booted, s.change(func() { p.Value, p.Weight, p.Incarnation = p.Value+pods, 1, p.Incarnation+1 }))
	}
	for range gateways {
		s.row = append(s.row, s.newGateway())
	}
	s.at(failure, s.change(func() { s.down = true }))
	s.at(recovery, s.change(func() { s.row[0], s.down = s.newGateway(), false }))
	for t := time.Duration(0); t < span+longest; t += time.Second {
		s.at(t, func() {
			for _, g := range s.row {
				g.table.Sweep(s.now)
			}
		})
	}
	s.change(func() {})()
	s.at(0, s.begin)
	s.run()
	return s.outcome
}
