package joined

import (
	"fmt"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// A group is a service of this gateway that is one of the cluster. It is a
// [cluster.Replica].
type group struct {
	cluster  *Cluster
	service  string
	group    *engine.Group
	strategy selector.Strategy // those of the configuration
	seeds    []cluster.Member

	// scope is what gateways must have in common of a service: the group of one
	// with another scope is not joined.
	scope string

	// of Cluster.mu
	membership *cluster.Membership // nil: it is not joined yet
	fault      error               // why not
	left       bool
}

// newGroup returns a group that is not joined; nil if there is no such service.
// If the log has no group of this name, it is made as the service is now.
func newGroup(c *Cluster, s *config.Service) *group {
	of, err := c.Services.Group(s.Name)
	if err != nil {
		return nil
	}
	now, err := c.Services.Logged(s.Name)
	if err != nil {
		return nil
	}
	g := &group{cluster: c, service: s.Name, group: of, strategy: s.Strategy}
	if s.Key != placement.FiveTuple {
		g.scope = fmt.Sprintf("%s by %s", s.Name, s.Key)
	}
	for _, m := range now.Members {
		if m.Incarnation == 0 {
			m.Incarnation = services.Incarnation(s.Name)
		}
		if e, err := encode(m, now.Drained[m.ID], now.Drains); err == nil {
			g.seeds = append(g.seeds, e)
		}
	}
	return g
}

// View implements cluster.Replica.
func (g *group) View() *selector.View { return g.group.Load().View() }

// Settle implements cluster.Replica.
func (g *group) Settle(version uint64) { g.group.Settle(version) }

// Mark implements cluster.Replica. Who is down is each gateway's own, and the
// services say it.
func (g *group) Mark(string, bool) {}

// Update implements cluster.Replica.
func (g *group) Update(version uint64, members []cluster.Member) error {
	l, err := decode(members)
	if err != nil {
		return err
	}
	l.Members = g.cluster.placed(g.service, l.Members)
	err = g.cluster.Services.By("cluster").SetMembersAt(g.service, version, l)
	if err == nil {
		go g.cluster.tellDifferences()
	}
	return err
}

// SetStrategy implements cluster.Replica.
func (g *group) SetStrategy(version uint64, s selector.Strategy) error {
	if err := g.serves(s); err != nil {
		return err
	}
	return g.cluster.Services.By("cluster").SetStrategyAt(g.service, version, s)
}

// serves says why the data plane here can't have a strategy.
func (g *group) serves(s selector.Strategy) error {
	if !g.cluster.Tables {
		return nil
	}
	one, err := selector.New(s, selector.Equal("one"))
	if err != nil {
		return err
	}
	if _, tabled := one.(selector.Tabled); !tabled {
		return fmt.Errorf("the data plane here needs a strategy with a table: %s has none", s)
	}
	return nil
}

// Plan implements cluster.Replica.
func (g *group) Plan(s selector.Strategy, members []cluster.Member) (*selector.View, error) {
	if s != nil {
		if err := g.serves(s); err != nil {
			return nil, err
		}
	}
	l, err := decode(members)
	if err != nil {
		return nil, err
	}
	if err := g.cluster.Services.TryMembers(g.service, g.cluster.placed(g.service, l.Members)); err != nil {
		return nil, err
	}
	hops := make([]engine.Hop, len(members))
	for i, m := range members {
		hops[i] = engine.Hop{ID: m.ID, Weight: m.Weight, Backup: m.Backup, Incarnation: m.Incarnation}
	}
	snapshot, err := g.group.Plan(s, hops)
	if err != nil {
		return nil, err
	}
	return snapshot.View(), nil
}
