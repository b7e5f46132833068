package joined

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// changePatience is how long a change may take, beside what it waits for other
// gateways: a server may be lost meanwhile.
const changePatience = 20 * time.Second

// Change implements services.Cluster. A change that removes a member is made at
// once: the member is dead. So is one that places no flow elsewhere, such as the
// end of a drain. Any other is made when all gateways have shared the pins that
// it would lose.
func (c *Cluster) Change(by, service string, change services.ChangeMembers) error {
	m, err := c.writable(service)
	if err != nil {
		return err
	}
	var refused error // by who asks, or by the services here
	alter := func(s *cluster.State) error {
		next, err := c.alter(service, s.Members, change)
		if refused = err; err == nil {
			s.Members = next
		}
		return err
	}
	now, _ := m.State()
	next := now
	if err := alter(&next); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), changePatience+c.Config.Prepare)
	defer cancel()
	revision := uint64(0)
	if removes(now.Members, next.Members) || !places(now.Members, next.Members) {
		revision, err = m.Update(ctx, alter)
	} else {
		var o cluster.Outcome
		o, err = m.UpdatePlanned(ctx, alter)
		revision = o.Revision
	}
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return explain(service, err)
	}
	c.Log.Info("cluster: changed", "service", service, "by", by, "version", revision)
	if err := m.Err(); err != nil {
		return fmt.Errorf("version %d is in the log, and not in force here: %w", revision, err)
	}
	return nil
}

// writable returns the part in a group that can be changed now.
func (c *Cluster) writable(service string) (*cluster.Membership, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[service]
	switch {
	case g == nil:
		return nil, fmt.Errorf("%w: %q", services.ErrNoService, service)
	case c.conn == nil:
		return nil, fmt.Errorf("%w: %w", services.ErrNoCluster, c.fault)
	case g.membership == nil && g.fault != nil:
		return nil, fmt.Errorf("%w: %w", services.ErrNoCluster, g.fault)
	case g.membership == nil:
		return nil, fmt.Errorf("%w: service %q is not joined yet", services.ErrNoCluster, service)
	}
	if since, cut := c.conn.Cut(); cut {
		return nil, fmt.Errorf("%w: there is no server since %s", services.ErrNoCluster, since.Format(time.RFC3339))
	}
	return g.membership, nil
}

// alter returns what becomes of the members of the log.
func (c *Cluster) alter(service string, members []cluster.Member, change services.ChangeMembers) (
	[]cluster.Member, error,
) {
	l, err := decode(members)
	if err != nil {
		return nil, err
	}
	present := slices.Clone(l.Members)
	next, err := change(l)
	if err != nil {
		return nil, err
	}
	if err := c.Services.TryMembers(service, c.placed(service, next)); err != nil {
		return nil, err
	}
	weights := make(map[string]uint32, len(present))
	for _, m := range present {
		weights[m.ID] = max(m.Weight, l.Drained[m.ID])
	}
	return encodeAll(next, weights, l.Drains)
}

func removes(before, next []cluster.Member) bool {
	return slices.ContainsFunc(before, func(m cluster.Member) bool {
		return !slices.ContainsFunc(next, func(n cluster.Member) bool { return n.ID == m.ID })
	})
}

// places reports whether flows are placed by other members, or weights.
func places(before, next []cluster.Member) bool {
	return !slices.EqualFunc(before, next, func(m, n cluster.Member) bool {
		return m.ID == n.ID && m.Weight == n.Weight && m.Backup == n.Backup && m.Incarnation == n.Incarnation
	})
}

// explain says what kept the cluster from a change in the words of package
// services.
func explain(service string, err error) error {
	if _, denied := errors.AsType[*cluster.PermissionError](err); denied {
		return fmt.Errorf("%w: %w", services.ErrNotAllowed, err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, cluster.ErrClosed) {
		return fmt.Errorf("%w: %w", services.ErrNoCluster, err)
	}
	if e, ok := errors.AsType[*selector.GroupError](err); ok {
		return &services.RefusedError{Service: service, Err: e}
	}
	if e, ok := errors.AsType[*cluster.UpdateError](err); ok {
		return &services.RefusedError{Service: service, Err: e.Err}
	}
	return err
}

// services returns the services as the configuration has them.
func (c *Cluster) services() []config.Service {
	if list := c.file.Load(); list != nil {
		return *list
	}
	return nil
}

// placed returns the members of a service where the configuration says that they
// are.
func (c *Cluster) placed(service string, members []config.Member) []config.Member {
	for _, s := range c.services() {
		if s.Name == service {
			return services.AtPlaces(members, s.Members)
		}
	}
	return slices.Clone(members)
}
