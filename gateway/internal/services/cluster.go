package services

import (
	"errors"
	"maps"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/selector"
)

// A Cluster has the members and strategies of services in a log that several
// gateways share, and gives what comes from there to [Registry.SetMembersAt]
// and [Registry.SetStrategyAt]. The services that are learned are no part of
// it.
type Cluster interface {
	// Change has the members of a service changed for all gateways, and returns
	// when that is in force here. The function change is given what the log has
	// of the service now; it may be called several times. An error of it changes
	// nothing.
	Change(by, service string, change ChangeMembers) error
}

// Logged is what the log of a cluster has of a service beside its strategy.
type Logged struct {
	Members []config.Member
	Drained map[string]uint32 // the weights that drained members had before
	Drains  map[string]Drain  // by member; not of those that a configuration drained
}

// ChangeMembers returns what becomes of members. It may change the drains.
type ChangeMembers func(Logged) ([]config.Member, error)

// What keeps a cluster from a change, to be matched by errors.Is.
var (
	ErrNoCluster  = errors.New("the log of the cluster is not within reach")
	ErrNotAllowed = errors.New("the servers of the cluster do not allow it")
)

// inCluster reports whether the members of a service are those of the cluster.
func (r *Registry) inCluster(s *service) bool { return r.Cluster != nil && !s.Learned }

// clustered is inCluster by name.
func (r *Registry) clustered(service string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	return err == nil && r.inCluster(s)
}

// Group returns the group of a service, which it has for as long as it is
// there.
func (r *Registry) Group(service string) (*engine.Group, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return nil, err
	}
	return s.group, nil
}

// TryMembers says why a service can't have these members here; nil if it can,
// as far as that can be told before its strategy builds.
func (r *Registry) TryMembers(service string, members []config.Member) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return err
	}
	next := s.Service
	next.Members = members
	return r.compatible(r.edited(s, next))
}

// Logged returns what the log would have of a service as it is now.
func (r *Registry) Logged(service string) (Logged, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(service)
	if err != nil {
		return Logged{}, err
	}
	return r.logged(s), nil
}

func (r *Registry) logged(s *service) Logged {
	return Logged{slices.Clone(s.Members), maps.Clone(s.drained), maps.Clone(r.drains[s.Name])}
}

// SetMembersAt puts what the cluster's log has of a service in force; the group
// has this version then. On an error the state is as it was. A data plane that
// can't follow does so later: see [Registry.Reconcile].
func (r *Registry) SetMembersAt(service string, version uint64, l Logged) error {
	intended := func() (*plan, error) {
		return r.planAt(service, version, func(s *config.Service) { s.Members = l.Members })
	}
	r.prebuild(intended)
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := intended()
	if err != nil {
		return err
	}
	s := r.byName[service]
	before := s.Members
	if err := r.applyAt(p); err != nil {
		return err
	}
	for _, m := range l.Members {
		if w := l.Drained[m.ID]; m.Weight == 0 && w > 0 {
			s.drained[m.ID] = w
		}
	}
	r.followDrains(service, before, l)
	return nil
}

// SetStrategyAt puts a strategy of the cluster's log in force.
func (r *Registry) SetStrategyAt(service string, version uint64, strategy selector.Strategy) error {
	intended := func() (*plan, error) {
		return r.planAt(service, version, func(s *config.Service) { s.Strategy = strategy })
	}
	r.prebuild(intended)
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := intended()
	if err != nil {
		return err
	}
	return r.applyAt(p)
}

// planAt plans an entry of the cluster's log.
func (r *Registry) planAt(service string, version uint64, change func(*config.Service)) (*plan, error) {
	s, err := r.find(service)
	if err != nil {
		return nil, err
	}
	next := s.Service
	change(&next)
	p := r.edited(s, next)
	p.of(s).version, p.logged = version, true
	return p, nil
}

func (r *Registry) applyAt(p *plan) error {
	if err := r.apply(p); err != nil {
		return err
	}
	r.behind = p.behind
	return nil
}

// ofCluster returns configured services with the members and strategies that
// those of the cluster have now: a configuration says these only of services
// that are new. Where members are is said by it, too.
func (r *Registry) ofCluster(configured []config.Service) []config.Service {
	if r.Cluster == nil {
		return configured
	}
	list := slices.Clone(configured)
	for i := range list {
		if s, err := r.find(list[i].Name); err == nil && r.inCluster(s) {
			list[i].Members, list[i].Strategy = AtPlaces(s.Members, list[i].Members), s.Strategy
		}
	}
	return list
}

// AtPlaces returns the members of a cluster where a configuration says that
// they are: "dev", "addr", "mac" and "tunnel" of those that it has.
func AtPlaces(members, configured []config.Member) []config.Member {
	at := make(map[string]config.Member, len(configured))
	for _, m := range configured {
		at[m.ID] = m
	}
	list := slices.Clone(members)
	for i := range list {
		if m, ok := at[list[i].ID]; ok {
			list[i].Dev, list[i].Addr, list[i].MAC, list[i].Tunnel = m.Dev, m.Addr, m.MAC, m.Tunnel
		}
	}
	return list
}

// Incarnation returns the incarnation of the members of a service that were not
// given one.
func Incarnation(service string) uint64 { return incarnation(&config.Service{Name: service}) }

// change has the group become what is next. A service of a cluster changes its
// members and its strategy by the log alone, each with a version; what else
// changes, such as MAC addresses, is of this gateway.
func (t *target) change() error {
	switch {
	case t.version != 0 && t.next.Strategy != t.Strategy:
		_, err := t.group.SetStrategyAt(t.version, t.next.Strategy)
		return err
	case t.version != 0:
		_, err := t.group.UpdateAt(t.version, t.hops)
		return err
	case t.payloads:
		return setValues(t.group, t.hops)
	}
	return change(t.group, t.next.Strategy, t.hops)
}

// undo has the group be again what it was; a version from the log stays.
func (t *target) undo() error {
	if t.payloads || t.version != 0 {
		return setValues(t.group, hopsOf(t.from))
	}
	if t.Strategy == nil {
		return change(t.group, t.next.Strategy, hopsOf(t.from))
	}
	return change(t.group, t.Strategy, hopsOf(t.from))
}

func setValues(g *engine.Group, hops []engine.Hop) error {
	values := make(map[string]engine.Adjacency, len(hops))
	for _, h := range hops {
		values[h.ID] = h.Value
	}
	_, err := g.SetValues(func(id string, present engine.Adjacency) engine.Adjacency {
		if v, ok := values[id]; ok {
			return v
		}
		return present
	})
	return err
}
