package services

import (
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/selector"
)

// A plan is what becomes of some services; all others stay as they are, and
// what it takes to put it in force does not depend on how many they are.
type plan struct {
	targets  []target
	changed  []*target // those whose groups are to be updated, in that order
	removed  []*service
	services []*service // in force after it
	// interfaces are to be opened again, since one may be another under its name
	reopen bool
	logged bool // it is of a cluster's log: it counts, whether or not the plane can follow
	behind bool // it could not

	joined, left []port
}

// A target is a service on its way to another state.
type target struct {
	*service
	fresh bool // it is not in force yet
	next  config.Service
	hops  []engine.Hop // by ID
	ramps map[string]ramp
	effect
	from *selector.Snapshot[engine.Adjacency]

	version  uint64 // that the group is to have, by a cluster's log; 0: the next one of its own
	note     string // on what changes, for the history
	payloads bool   // members and strategy are those of a cluster's log, and stay
}

// replace plans that these services are all that there are. It takes those that
// are new from the newcomers, and adds the others to them.
func (r *Registry) replace(next []config.Service, lost Lost, fresh newcomers) (*plan, error) {
	p := &plan{reopen: r.behind}
	kept := make(map[*service]bool, len(next))
	for _, n := range next {
		s := r.byName[n.Name]
		switch {
		case s == nil:
			var err error
			if s, err = r.fresh(&n, fresh); err != nil {
				return nil, err
			}
			s.lost = lost[n.Name]
			p.targets = append(p.targets, target{service: s, fresh: true, next: n})
		case scopeOf(&n) != scopeOf(&s.Service):
			return nil, &RefusedError{n.Name, ErrScope}
		case r.behind || !s.Equal(&n):
			p.targets = append(p.targets, target{service: s, next: n})
		}
		kept[s] = true
		p.services = append(p.services, s)
	}
	for _, s := range r.services {
		if !kept[s] {
			p.removed = append(p.removed, s)
		}
	}
	return p, nil
}

// newcomers are services that are not in force yet, by what their groups were
// made with. Who plans them again finds what was built for them.
type newcomers map[selector.GroupConfig]*service

// fresh returns a service that is not in force yet.
func (r *Registry) fresh(n *config.Service, known newcomers) (*service, error) {
	c := selector.GroupConfig{Name: n.Name, Strategy: n.Strategy, Scope: scopeOf(n)}
	if s := known[c]; s != nil {
		return s, nil
	}
	group, err := selector.NewGroup[engine.Adjacency](r.domain, c)
	if err != nil {
		return nil, &RefusedError{n.Name, err}
	}
	known[c] = &service{group: group}
	return known[c], nil
}

// edited plans another state of one service.
func (r *Registry) edited(s *service, next config.Service) *plan {
	if r.behind {
		p := r.again(r.services)
		p.of(s).next = next
		return p
	}
	return &plan{targets: []target{{service: s, next: next}}, services: r.services}
}

// of returns the target of a service that the plan is of.
func (p *plan) of(s *service) *target {
	return &p.targets[slices.IndexFunc(p.targets, func(t target) bool { return t.service == s })]
}

// again plans that services stay what they are while the host below them
// changed.
func (r *Registry) again(services []*service) *plan {
	p := &plan{services: r.services, reopen: true, targets: make([]target, len(services))}
	for i, s := range services {
		p.targets[i] = target{service: s, next: s.Service}
	}
	return p
}
