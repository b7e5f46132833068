package cluster

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A simulationConfig describes a simulation of gateways that share pins, in
// virtual time: tables, groups and messages are the real ones, and the network
// loses, doubles and delays what is sent.
type simulationConfig struct {
	seed      uint64
	gateways  int
	members   int
	length    time.Duration
	udp       bool
	silence   time.Duration // the longest of a flow
	life      time.Duration // of a flow, on average
	loss      float64
	delay     time.Duration // by which one message in twenty is late
	behind    time.Duration // by which three changes in ten come late to a gateway
	announced bool

	// Changes come this long after each other, and up to so much later, until a
	// time; each is two with pairs. Half of them are followed by a switch of
	// flows, so long after.
	every, later time.Duration
	until        time.Duration
	pairs        bool
	switched     [2]time.Duration

	tables flowcache.Config

	// What is left out.
	alone        bool // nothing is shared
	noChangeScan bool
	noLease      bool
	noYoung      bool
	noRepair     bool
	noTransition bool
	noDoubt      bool
	noHold       bool
	noMemory     bool
	noRoll       bool

	silentEnds bool    // no connection ends by a FIN
	reuse      float64 // the share of connections that use the five-tuple of one that ended

	counted bool // the pins that deviate: see traffic.deviated
}

func announcedTCP(seed uint64) simulationConfig {
	return simulationConfig{
		seed: seed, gateways: 3, members: 10, length: 600 * time.Second, loss: 0.1, delay: 5 * time.Millisecond,
		behind: 50 * time.Millisecond, announced: true, silence: 25 * time.Second, life: 100 * time.Second,
		every: 3 * time.Second, later: 10 * time.Second, until: time.Hour,
		switched: [2]time.Duration{0, 100 * time.Millisecond}, reuse: 0.05,
		tables: flowcache.Config{Flows: 60_000, EstablishedTCP: time.Minute, Established: time.Minute},
	}
}

// began is the time of the workers' clocks when a simulation begins.
const began = 1000 * time.Second

// A simulation runs events in order of their time.
type simulation struct {
	t        *testing.T
	config   simulationConfig
	now      time.Duration
	events   simulationEvents
	number   int
	random   *rand.Rand // of flows and changes
	network  *rand.Rand
	gateways []*simulatedGateway
	versions []simulatedVersion
	traffic  traffic
	ended    bool
}

type simulatedEvent struct {
	at     time.Duration
	number int
	do     func()
}

type simulationEvents []simulatedEvent

func (q simulationEvents) Len() int { return len(q) }
func (q simulationEvents) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].number < q[j].number
}
func (q simulationEvents) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *simulationEvents) Push(x any)   { *q = append(*q, x.(simulatedEvent)) }
func (q *simulationEvents) Pop() any {
	e := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return e
}

func (s *simulation) after(d time.Duration, do func()) {
	s.number++
	heap.Push(&s.events, simulatedEvent{s.now + d, s.number, do})
}

func (s *simulation) run(d time.Duration) {
	end := s.now + d
	for len(s.events) > 0 && s.events[0].at <= end {
		e := heap.Pop(&s.events).(simulatedEvent)
		s.now = e.at
		e.do()
	}
	s.now = end
}

func upTo(r *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(r.Float64() * float64(d))
}

// A simulatedGateway has all that a gateway has, but for threads and sockets.
type simulatedGateway struct {
	*simulation
	name    string
	group   *selector.Group[int]
	table   *flowcache.Table
	worker  *flowcache.Sticky
	sharer  *sharer
	pins    *PinsWorker
	shared  *shared
	count   pinsCounters
	version int // of the simulation's versions
	due     time.Duration
	lateAt  time.Duration // before which no change comes, so that they come in order
}

const simulatedScope = "vip"

func (s *simulation) newGateway(name string) *simulatedGateway {
	g := &simulatedGateway{simulation: s, name: name}
	d := selector.NewDomain()
	var err error
	c := s.config.tables
	c.Domain = d
	g.table, err = flowcache.NewTable(c)
	require.NoError(s.t, err)
	g.group, err = selector.NewGroup[int](d, selector.GroupConfig{
		Name: simulatedScope, Strategy: selector.Bounded{Slots: 4096},
	})
	require.NoError(s.t, err)
	g.worker = flowcache.NewSticky(g.table)
	pc, err := PinsConfig{Table: g.table, Now: func() time.Duration { return s.now }, Batch: 64}.complete()
	require.NoError(s.t, err)
	g.sharer, err = newSharer("test", name, []byte("a seed of the simulation"), 1, &pc, g.instant().wall, &g.count)
	require.NoError(s.t, err)
	g.pins = &PinsWorker{roll: g.sharer.memory.roll}
	if s.config.noRoll {
		g.pins.roll = newRoll(g.table, 1)
	}
	g.sharer.workers = func() []*PinsWorker { return []*PinsWorker{g.pins} }
	g.sharer.expected = func(string) (names []string) {
		for _, o := range s.gateways {
			if o != g {
				names = append(names, o.name)
			}
		}
		return names
	}
	g.sharer.send = g.send
	if s.config.noHold {
		g.sharer.maxHeld = 0
	}
	view := func() *selector.View { return g.group.Load().View() }
	g.shared = &shared{name: simulatedScope, scope: simulatedScope, view: view}
	return g
}

func (g *simulatedGateway) instant() instant { return instant{g.now, int64(time.Hour + g.now)} }

// start begins to share, once the group has members.
func (g *simulatedGateway) start() {
	if g.config.alone {
		return
	}
	g.sharer.add(g.shared, g.instant(), func(d time.Duration) time.Duration { return upTo(g.network, d) })
	if g.config.noLease {
		g.shared.leases = nil
	}
	g.stepAt(g.now)
}

// stepAt has the gateway do at a time what is due.
func (g *simulatedGateway) stepAt(at time.Duration) {
	if g.config.alone || g.due != 0 && g.due <= at {
		return
	}
	g.due = at
	g.after(at-g.now, func() {
		if g.due != at {
			return
		}
		g.due = 0
		g.forget()
		next := g.sharer.step(g.instant())
		g.stepAt(max(next, g.now+100*time.Microsecond))
	})
}

// forget has the gateway not know what was told.
func (g *simulatedGateway) forget() {
	if g.config.noMemory {
		g.sharer.memory.forget()
	}
}

// send has the network carry a message.
func (g *simulatedGateway) send(subject string, data []byte) {
	data = slices.Clone(data)
	if g.traffic.told != nil {
		g.countTold(data)
	}
	_, _, _, receiver, ok := g.sharer.names.parties(subject)
	require.True(g.t, ok)
	if g.config.noRepair && strings.Contains(subject, ".ask.") {
		return
	}
	for _, to := range g.gateways {
		if to == g || receiver != "" && receiver != to.name {
			continue
		}
		copies := 1
		if g.network.Float64() < 0.05 {
			copies = 2
		}
		for range copies {
			if g.network.Float64() < g.config.loss {
				continue
			}
			d := 200*time.Microsecond + upTo(g.network, 5*time.Millisecond)
			if g.network.Float64() < 0.05 {
				d += upTo(g.network, g.config.delay)
			}
			g.after(d, func() {
				to.forget()
				err := to.sharer.receive(subject, data, to.instant())
				if err != nil {
					require.ErrorIs(g.t, err, ErrReplayed)
				}
				to.stepAt(to.now)
			})
		}
	}
}

// newSimulation returns a simulation that is about to begin.
func newSimulation(t *testing.T, c simulationConfig) *simulation {
	s := &simulation{t: t, config: c, now: began, random: rand.New(rand.NewPCG(c.seed, 7)),
		network: rand.New(rand.NewPCG(c.seed, 8))}
	for i := range c.gateways {
		s.gateways = append(s.gateways, s.newGateway(string(rune('a'+i))))
	}
	hops := make([]selector.Hop[int], c.members)
	for i := range hops {
		hops[i] = selector.Hop[int]{ID: memberID(i), Weight: 1}
	}
	s.addVersion(hops)
	for _, g := range s.gateways {
		_, err := g.group.UpdateAt(1, s.versions[0].hops)
		require.NoError(t, err)
		g.group.Settle(1)
	}
	for _, g := range s.gateways {
		g.start()
	}
	return s
}

// simulate runs a simulation to its end, and until all pins must be gone.
func simulate(t *testing.T, c simulationConfig) *traffic {
	t.Helper()
	s := newSimulation(t, c)
	s.after(0, s.open)
	s.after(30*time.Second, s.changeOften)
	s.after(40*time.Second, s.switchOften)
	s.after(20*time.Second, s.sweepOften)
	s.after(5*time.Second, s.forgetOften)
	if c.counted {
		s.traffic.deviated, s.traffic.told = make(map[deviation]bool), make(map[deviation]bool)
		s.after(0, s.countOften)
	}
	s.run(c.length)
	s.traffic.disagreeing = s.disagreeing()
	s.ended = true
	s.run(2*time.Minute + c.tables.EstablishedTCP/8)
	for _, g := range s.gateways {
		for range g.table.All(s.now) {
			s.traffic.zombies++
		}
		s.traffic.add(g.count.stats())
	}
	return &s.traffic
}

func (s *simulation) sweepOften() {
	for _, g := range s.gateways {
		g.table.Sweep(s.now)
	}
	s.after(time.Second, s.sweepOften)
}
