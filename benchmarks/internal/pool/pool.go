// Package pool plays connections through a pool of members that is updated all
// the time, as the simulation does that Cheetah (NSDI 2020) and JET (CoNEXT
// 2021) share. Connections live and members are down for times of public
// distributions. Time is virtual, and all is drawn from a seed.
package pool

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Config is what is played.
type Config struct {
	Members     int
	Connections int     // that live at a time, on average
	Updates     float64 // members that leave a minute, each to come back later
	Seconds     float64
	Strategy    selector.Strategy
	Sticky      bool // connections are kept in a flow table, which has room for all
}

// Outcome is what became of the connections.
type Outcome struct {
	Connections int // that there were
	Broken      int // that reached another member while the first one was there
	Chained     int // of these, those that the member before could not have saved
	Lost        int // whose member left
}

// A step is one point of a distribution: with that probability, a value of at
// most that.
type step struct{ probability, seconds float64 }

// The distributions are those of the files hadoop_cdf.txt and
// downtime_upgrade_cdf.txt of the repositories cheetahlb/simulations and
// anchorhash/jetlb (MIT License): how long connections of a Hadoop cluster live
// and how long servers are down for an upgrade, in seconds.
func lives() []step {
	return []step{
		{.2933579336, .001}, {.3782287823, .002001660865}, {.405904059, .002989009054}, {.4520295203, .008934175126},
		{.4760147601, .02549699459}, {.5018450185, .3100950157}, {.5479704797, 10.27643336},
		{.7601476015, 10.43614193}, {.8985239852, 22.91478965}, {.9280442804, 36.39509637},
		{.9483394834, 100.7122436}, {.9575645756, 214.4188863}, {.9981549815, 228.0621963}, {1, 602.5595861},
	}
}

func downtimes() []step {
	return []step{
		{.006833712984, 60}, {.04328018223, 120.8016369}, {.2150341686, 130.7333965}, {.3867881549, 141.4817002},
		{.5585421412, 153.1136803}, {.7302961276, 165.7019888}, {.9020501139, 179.3252506},
		{.9658314351, 304.8130828}, {.9817767654, 671.6930555}, {.9977220957, 20533.59424}, {1, 567076.2339},
	}
}

// value returns the value of the first step beyond a probability.
func value(steps []step, probability float64) float64 {
	i, _ := slices.BinarySearchFunc(steps, probability, func(s step, p float64) int {
		if s.probability <= p {
			return -1
		}
		return 1
	})
	return steps[min(i, len(steps)-1)].seconds
}

func mean(steps []step) (sum float64) {
	before := 0.
	for _, s := range steps {
		sum += s.seconds * (s.probability - before)
		before = s.probability
	}
	return sum
}

// A connection lives until its end.
type connection struct {
	hash  uint64
	end   float64
	home  int // the member that has its state
	at    int // the member that its packets reached last
	moves int
}

// A change is a member that leaves or comes back.
type change struct {
	at     float64
	member int
	joins  bool
}

// Play plays it, with members and times of a draw.
func Play(c Config, set subject.Set) (Outcome, error) {
	r := rand.New(rand.NewPCG(uint64(set), 468))
	g, err := newGateway(c, set)
	if err != nil {
		return Outcome{}, err
	}
	var o Outcome
	var live []connection
	opens := 0. // when the next connection does
	for _, ch := range changes(c, r) {
		for ; opens < min(ch.at, c.Seconds); opens += r.ExpFloat64() * mean(lives()) / float64(c.Connections) {
			n := connection{hash: r.Uint64(), end: opens + value(lives(), r.Float64())}
			if n.end < ch.at {
				o.Connections++ // nobody but a change can break it
				continue
			}
			n.home = g.route(n.hash, hash.SYN, opens)
			n.at = g.route(n.hash, hash.ACK, opens) // else its pin is on probation, and soon gone
			live, o.Connections = append(live, n), o.Connections+1
		}
		if ch.at >= c.Seconds {
			break
		}
		changed, err := g.update(ch)
		if err != nil {
			return o, err
		}
		if changed {
			live = o.follow(g, live, ch.at)
		}
	}
	return o, nil
}

// follow sends a packet of each connection, the last one where it is over. It
// returns those that live on.
func (o *Outcome) follow(g *gateway, live []connection, now float64) []connection {
	left := live[:0]
	for _, n := range live {
		if g.down[n.home] {
			if n.moves == 0 {
				o.Lost++
			}
			continue
		}
		if n.end < now {
			g.route(n.hash, hash.FIN|hash.ACK, now)
			continue
		}
		if at := g.route(n.hash, hash.ACK, now); at != n.at {
			n.at = at
			n.moves++
			switch {
			case n.moves == 1:
				o.Broken++
			case n.moves == 2 && at != n.home:
				o.Chained++
			}
		}
		left = append(left, n)
	}
	return left
}

// changes draws who leaves and comes back when, in order of time. The last one
// is at the end of all.
func changes(c Config, r *rand.Rand) (list []change) {
	for at := 0.; at < c.Seconds; at += r.ExpFloat64() * 60 / c.Updates {
		member := r.IntN(c.Members)
		list = append(list, change{at, member, false},
			change{at + value(downtimes(), r.Float64()), member, true})
	}
	list = append(list, change{at: c.Seconds})
	slices.SortStableFunc(list, func(a, b change) int { return int(math.Copysign(1, a.at-b.at)) })
	return list
}

// A gateway routes packets to members, which it knows by number.
type gateway struct {
	group  *selector.Group[struct{}]
	view   *selector.View
	all    []selector.Member
	down   []bool
	number []int // of each member of the view
	sticky *flowcache.Sticky
}

func newGateway(c Config, set subject.Set) (*gateway, error) {
	domain := selector.NewDomain()
	group, err := selector.NewGroup[struct{}](domain, selector.GroupConfig{Name: "vip", Strategy: c.Strategy})
	if err != nil {
		return nil, err
	}
	g := &gateway{group: group, all: set.Members(c.Members, 1), down: make([]bool, c.Members)}
	if c.Sticky {
		table, err := flowcache.NewTable(flowcache.Config{
			Domain: domain, Flows: 4 * c.Connections, EstablishedTCP: time.Hour,
		})
		if err != nil {
			return nil, err
		}
		g.sticky = flowcache.NewSticky(table)
	}
	return g, g.publish()
}

// update takes a member out or back. It reports false if it was so before, or
// was the last one.
func (g *gateway) update(ch change) (bool, error) {
	if g.down[ch.member] == !ch.joins || !ch.joins && len(g.number) == 1 {
		return false, nil
	}
	g.down[ch.member] = !ch.joins
	return true, g.publish()
}

func (g *gateway) publish() error {
	var up []selector.Member
	g.number = g.number[:0]
	for i, m := range g.all {
		if !g.down[i] {
			up, g.number = append(up, m), append(g.number, i)
		}
	}
	s, err := g.group.Update(subject.Hops(up))
	if err != nil {
		return err
	}
	g.view = s.View()
	return nil
}

// route returns the member that a packet reaches.
func (g *gateway) route(h uint64, flags hash.TCPFlags, now float64) int {
	if g.sticky == nil {
		return g.number[g.view.Select(h)]
	}
	p := flowcache.Packet{Digest: h ^ g.view.Salt(), Flags: flags, Class: flowcache.ClassTCP}
	return g.number[g.sticky.Route(p, g.view, time.Duration(now*float64(time.Second))).Member]
}
