package scenario

import (
	"bytes"
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A Policy is how a gateway remembers where flows go.
type Policy struct {
	Name string

	// a flow's member is kept for so long, be it active or not, and then
	// selected anew; 0: selected for each packet
	Recompute time.Duration
	// flows are sticky, and forgotten when idle for so long; 0: they are not
	Idle  time.Duration
	Share bool // a gateway that starts gets the pins of the one that runs
}

// Policies returns what is compared. The second is that of the system which the
// first of the seeds describes.
func Policies() []Policy {
	return []Policy{
		{Name: "hash"},
		{Name: "recompute-30s", Recompute: 30 * time.Second},
		{Name: "sticky-30s", Idle: 30 * time.Second},
		{Name: "sticky-120s", Idle: 120 * time.Second},
		{Name: "sticky-350s", Idle: 350 * time.Second},
		{Name: "sticky-350s-shared", Idle: 350 * time.Second, Share: true},
	}
}

// A gateway routes packets to members.
type gateway struct {
	policy Policy
	group  *selector.Group[struct{}]
	view   *selector.View

	kept []kept // by flow, of a policy that recomputes

	table  *flowcache.Table // of a sticky policy
	sticky *flowcache.Sticky
}

type kept struct {
	member string
	since  time.Duration
}

const maxFlows = 1 << 16 // pins at a time: no scenario has as many flows that live

func newGateway(s selector.Strategy, p Policy, flows int) (*gateway, error) {
	domain := selector.NewDomain()
	group, err := selector.NewGroup[struct{}](domain, selector.GroupConfig{Name: "vip", Strategy: s})
	if err != nil {
		return nil, err
	}
	g := &gateway{policy: p, group: group}
	if p.Recompute > 0 {
		g.kept = make([]kept, flows)
	}
	if p.Idle > 0 {
		c := flowcache.Config{Domain: domain, Flows: maxFlows, EstablishedTCP: p.Idle}
		if g.table, err = flowcache.NewTable(c); err != nil {
			return nil, err
		}
		g.sticky = flowcache.NewSticky(g.table)
	}
	return g, nil
}

func (g *gateway) update(members []selector.Member) error {
	s, err := g.group.Update(subject.Hops(members))
	if err != nil {
		return err
	}
	g.view = s.View()
	return nil
}

// inherit takes over the pins of another gateway.
func (g *gateway) inherit(from *gateway, now time.Duration) error {
	var stream bytes.Buffer
	if err := from.table.Save(&stream, 0, now); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	_, err := g.table.Restore(&stream, 0, now)
	return err
}

// route returns the member that a packet goes to.
func (g *gateway) route(f *Flow, p Packet) string {
	switch {
	case g.sticky != nil:
		return g.view.Member(g.routeSticky(f, p)).ID
	case g.kept != nil:
		k := &g.kept[p.Flow]
		if k.member == "" || p.At-k.since >= g.policy.Recompute || !g.has(k.member) {
			*k = kept{g.view.Member(g.view.Select(f.Hash)).ID, p.At}
		}
		return k.member
	default:
		return g.view.Member(g.view.Select(f.Hash)).ID
	}
}

func (g *gateway) routeSticky(f *Flow, p Packet) int32 {
	g.table.Sweep(p.At)
	flow := hash.Flow{Hash: f.Hash, Proto: hash.TCP, Flags: p.Kind.flags()}
	packet := flowcache.NewPacket(&flow, g.view.Salt(), 0)
	return g.sticky.Route(packet, g.view, p.At).Member
}

func (g *gateway) has(id string) bool {
	for _, m := range g.view.All() {
		if m.ID == id {
			return true
		}
	}
	return false
}
