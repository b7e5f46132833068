package cluster

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// traffic is what flows there are and what became of them.
type traffic struct {
	flows []*simulatedFlow
	ended []*simulatedFlow // whose tuples are used again

	members                     int // that joined
	changes, prepared, switches int
	connections, packets        int

	broken      int // changed member though it was there, by a change of gateway
	moved       int // the same, without a change of gateway
	reused      int // the same, where another flow had the tuple before, and its pin was met
	reusedElse  int // where the member is not that of the flow before
	lapsed      int // the same, where the pin was on probation and ended before the packet came
	unknown     int // the gateway did not know the member yet
	forced      int // the member was gone
	disagreeing int // flows with pins to different members at the end
	zombies     int // pins that are left when all must be gone

	deviated map[deviation]bool // pins that deviated at some time, at some gateway
	told     map[deviation]bool // pins that were sent, each once
	shared   PinsStats
}

// A deviation is a pin that the selector would not give.
type deviation struct {
	tag         uint64
	member      string
	incarnation uint64
}

// countOften notes the pins that deviate from what some gateway would give: by
// the view that it has, by the one before while that counts, or by a plan.
func (s *simulation) countOften() {
	t := &s.traffic
	views := make(map[uint64]*selector.View) // by what they place
	for _, g := range s.gateways {
		v := g.group.Load().View()
		for p := range g.table.Deviating(flowcache.Scan{View: v}, s.now) {
			i, _ := v.BySlot(p.Slot)
			t.deviated[deviation{tagOf(p.Key), v.Member(i).ID, v.Incarnation(i)}] = true
		}
		for _, o := range [...]*selector.View{v, v.Previous(), g.shared.transition.planned} {
			if o != nil {
				views[o.Fingerprint()] = o
			}
		}
	}
	for _, f := range t.flows {
		for _, v := range views {
			if i := v.Unmarked(f.hash); v.Member(i).ID != f.member || v.Incarnation(i) != f.incarnation {
				tag := tagOf(s.gateways[0].table.KeyOf(f.hash ^ v.Salt()))
				t.deviated[deviation{tag, f.member, f.incarnation}] = true
			}
		}
	}
	if !s.ended {
		s.after(100*time.Millisecond, s.countOften)
	}
}

// countTold notes the pins that a message has.
func (g *simulatedGateway) countTold(data []byte) {
	var m pinsMessage
	body, err := m.open(data, g.sharer.signer)
	require.NoError(g.t, err)
	require.NoError(g.t, m.parse(body, g.table))
	for _, p := range m.pins {
		member := m.members[p.Slot]
		g.traffic.told[deviation{tagOf(p.Key), member.id, member.incarnation}] = true
	}
}

func (t *traffic) add(s PinsStats) {
	t.shared.SentMessages += s.SentMessages
	t.shared.SentBytes += s.SentBytes
	t.shared.SentPins += s.SentPins
	t.shared.SentAgain += s.SentAgain
	t.shared.Asks += s.Asks
	t.shared.Moved += s.Moved
	t.shared.Held += s.Held
	t.shared.Stale += s.Stale
	t.shared.Unknown += s.Unknown
	t.shared.Replayed += s.Replayed
	t.shared.Scans += s.Scans
}

// A simulatedFlow is a connection, or a conversation by UDP.
type simulatedFlow struct {
	hash          uint64
	gateway, last *simulatedGateway
	member        string
	incarnation   uint64
	live, fresh   bool
	silent        bool           // ends without a FIN
	before        *simulatedFlow // that had the tuple
	begun         time.Duration  // when its pin was made
	sure          bool           // it was promoted
	end           time.Duration
	gap           float64 // seconds, on average
	random        *rand.Rand
}

const liveFlows = 2000

// open begins a flow, and has the next one begin.
func (s *simulation) open() {
	if s.ended {
		return
	}
	t := &s.traffic
	f := &simulatedFlow{
		hash: s.random.Uint64(), gateway: s.gateways[s.random.IntN(len(s.gateways))], live: true, fresh: true,
		silent: s.random.Float64() < 0.2 || s.config.silentEnds,
	}
	if len(t.ended) > 0 && s.random.Float64() < s.config.reuse {
		i := s.random.IntN(len(t.ended))
		f.hash, f.before = t.ended[i].hash, t.ended[i]
		t.ended = slices.Delete(t.ended, i, i+1)
	}
	f.random = rand.New(rand.NewPCG(f.hash, 3))
	f.last = f.gateway
	f.gap = []float64{0.1, 0.5, 2, 8}[s.random.IntN(4)]
	f.end = s.now + time.Duration(s.random.ExpFloat64()*float64(s.config.life))
	t.flows = append(t.flows, f)
	t.connections++
	if s.config.udp {
		s.after(0, func() { s.goOn(f) })
	} else {
		s.send(f, hash.SYN)
		s.after(5*time.Millisecond, func() { s.goOn(f) })
	}
	s.after(time.Duration(s.random.ExpFloat64()*float64(s.config.life)/liveFlows), s.open)
}

// goOn sends the next packet of a flow.
func (s *simulation) goOn(f *simulatedFlow) {
	switch {
	case !f.live || s.ended:
		return
	case s.now >= f.end:
		if !f.silent && !s.config.udp {
			s.send(f, hash.FIN|hash.ACK)
		}
		f.live = false
		return
	}
	s.send(f, hash.ACK)
	gap := min(s.config.silence.Seconds(), f.random.ExpFloat64()*f.gap)
	s.after(time.Duration(gap*float64(time.Second)), func() { s.goOn(f) })
}

// send has a packet routed by the gateway where it enters, and judges.
func (s *simulation) send(f *simulatedFlow, flags hash.TCPFlags) {
	g, t := f.gateway, &s.traffic
	t.packets++
	view := g.group.Load().View()
	flow := hash.Flow{Hash: f.hash, Proto: hash.TCP, Flags: flags}
	if s.config.udp {
		flow.Proto, flow.Flags = hash.UDP, 0
	}
	packet := flowcache.NewPacket(&flow, view.Salt(), 0)
	route := g.worker.Route(packet, view, s.now)
	if !s.config.noTransition {
		g.pins.Routed([]flowcache.Route{route}, []flowcache.Packet{packet}, []*selector.View{view})
	}
	id, incarnation := view.Member(route.Member).ID, view.Incarnation(route.Member)
	if f.fresh {
		f.member, f.incarnation, f.fresh = id, incarnation, false
	}
	if id != f.member || incarnation != f.incarnation {
		here, ok := g.versions[g.version].incarnation[f.member]
		switch {
		case !ok && f.incarnation > uint64(g.version+1):
			t.unknown++
		case !ok || here != f.incarnation:
			t.forced++
		case f.before != nil && id == f.before.member && incarnation == f.before.incarnation:
			t.reused++
		case f.before != nil:
			t.reusedElse++
		case s.config.udp && !f.sure && route.Verdict == flowcache.Placed && s.now-f.begun > s.lasts():
			t.lapsed++
		case f.last == g:
			t.moved++
		default:
			t.broken++
		}
		f.live = s.config.udp // that goes on there
		f.member, f.incarnation = id, incarnation
	}
	f.last = g
	if route.Verdict == flowcache.Placed {
		f.begun = s.now
	}
	if s.config.udp {
		_, pin, _ := g.table.Peek(packet, view, s.now)
		f.sure = pin.State >= flowcache.Established
	}
}

// lasts returns for how long a pin on probation lasts at any gateway: it gets
// older by up to two ticks on its way to another one.
func (s *simulation) lasts() time.Duration {
	c := s.gateways[0].table.Config()
	return c.Probation - 2*c.Tick
}

// switchFlows has flows of one gateway enter at others.
func (s *simulation) switchFlows() {
	if s.ended {
		return
	}
	s.traffic.switches++
	from := s.random.IntN(len(s.gateways))
	part := []float64{0.3, 1}[s.random.IntN(2)]
	for _, f := range s.traffic.flows {
		if f.live && f.gateway == s.gateways[from] && f.random.Float64() < part {
			f.gateway = s.gateways[(from+1+f.random.IntN(len(s.gateways)-1))%len(s.gateways)]
		}
	}
}

func (s *simulation) switchOften() {
	s.switchFlows()
	s.after(5*time.Second+upTo(s.random, 15*time.Second), s.switchOften)
}

// forgetOften forgets flows that ended.
func (s *simulation) forgetOften() {
	t := &s.traffic
	t.flows = slices.DeleteFunc(t.flows, func(f *simulatedFlow) bool {
		if !f.live {
			f.before = nil // not all that ever had the tuple
			t.ended = append(t.ended, f)
		}
		return !f.live
	})
	t.ended = t.ended[max(0, len(t.ended)-500):]
	s.after(5*time.Second, s.forgetOften)
}

// disagreeing counts flows that two gateways have pinned to different members.
func (s *simulation) disagreeing() (n int) {
	for _, f := range s.traffic.flows {
		members := make(map[string]bool)
		for _, g := range s.gateways {
			view := g.group.Load().View()
			flow := hash.Flow{Hash: f.hash, Proto: hash.TCP, Flags: hash.ACK}
			packet := flowcache.NewPacket(&flow, view.Salt(), 0)
			packet.Mode = flowcache.LookupOnly
			if r := g.worker.Route(packet, view, s.now); f.live && r.Verdict == flowcache.Pinned {
				members[view.Member(r.Member).ID] = true
			}
		}
		if len(members) > 1 {
			n++
		}
	}
	return n
}
