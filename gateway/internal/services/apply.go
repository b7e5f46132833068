package services

import (
	"cmp"
	"errors"
	"hash/fnv"
	"io"
	"maps"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A target is a service on its way to another state.
type target struct {
	*service
	fresh bool // it is not in force yet
	next  config.Service
	hops  []engine.Hop // by ID
	from  *selector.Snapshot[engine.Adjacency]
}

// apply puts services in force, all of them or none.
func (r *Registry) apply(next []config.Service) error {
	if err := compatible(next); err != nil {
		return err
	}
	numbers, err := r.outputs.following(next, r.plane.Counters().Members)
	if err != nil {
		return &RefusedError{next[len(next)-1].Name, err}
	}
	targets, err := r.targets(next, numbers)
	if err != nil {
		return err
	}
	changed, err := changed(targets)
	if err != nil {
		return err
	}
	all := numbers.devices() // those of members that leave, too, until they have left
	maps.Copy(all, r.outputs.devices())
	faults, err := r.plane.SetOutputs(all)
	if err != nil {
		return err
	}
	r.host.faults = faults
	r.mark(next)
	voided, movedBefore := r.pinsLost(next), r.moved()
	if err := r.update(targets, changed); err != nil {
		r.mark(r.state())
		_, failed := r.plane.SetOutputs(r.outputs.devices())
		return errors.Join(err, failed)
	}
	r.commit(targets, numbers, voided, movedBefore)
	// What could not be closed is closed by the next change.
	_, _ = r.plane.SetOutputs(numbers.devices())
	r.ask(next)
	r.check()
	return nil
}

// targets returns the target of each service; a new one gets a group, which no
// packet comes to before the plane is told of it.
func (r *Registry) targets(next []config.Service, numbers outputs) ([]target, error) {
	targets := make([]target, len(next))
	for i, n := range next {
		s, err := r.find(n.Name)
		if err != nil {
			group, err := selector.NewGroup[engine.Adjacency](r.domain, selector.GroupConfig{
				Name: n.Name, Strategy: n.Strategy, Scope: scopeOf(&n),
			})
			if err != nil {
				return nil, &RefusedError{n.Name, err}
			}
			s = &service{group: group}
		}
		hops, from := r.hops(&n, numbers), s.group.Load()
		targets[i] = target{service: s, fresh: err != nil, next: n, hops: hops, from: from}
	}
	return targets, nil
}

// changed returns the targets whose groups are to be updated, in the order of
// the updates. Only a strategy knows whether it can serve given members, Anchor
// with its capacity for example, and it says so when it builds. A failed update
// must find nothing changed that packets meet, and a build takes milliseconds.
// So groups that no packet comes to yet are updated first, and the others are
// planned here: their updates get what was built for the plan.
func changed(targets []target) ([]*target, error) {
	var fresh, rest []*target
	for i := range targets {
		t := &targets[i]
		switch {
		case t.fresh:
			fresh = append(fresh, t)
		case t.same() && t.next.Strategy == t.Strategy:
		default:
			if _, err := t.group.Plan(t.next.Strategy, t.hops); err != nil {
				return nil, &RefusedError{t.next.Name, err}
			}
			rest = append(rest, t)
		}
	}
	return slices.Concat(fresh, rest), nil
}

// compatible checks that a member of several services has one place in all.
func compatible(services []config.Service) error {
	members := make(map[string]config.Member)
	for _, s := range services {
		for _, m := range s.Members {
			o, ok := members[m.ID]
			if ok && !o.SamePlace(m) {
				return &RefusedError{s.Name,
					errors.New("member \"" + m.ID + "\" has another \"dev\", \"mac\" or \"addr\" in another service")}
			}
			members[m.ID] = m
		}
	}
	return nil
}

func (r *Registry) hops(s *config.Service, numbers outputs) []engine.Hop {
	list := make([]engine.Hop, len(s.Members))
	of := incarnation(s)
	for i, m := range s.Members {
		list[i] = engine.Hop{
			ID: m.ID, Weight: m.Weight, Incarnation: of,
			Value: engine.Adjacency{
				ID: m.ID, Output: numbers.numbers[port{s.Name, m.ID, m.Dev}],
				Header: engine.NewEthernet(r.host.mac(m), r.host.links[m.Dev].MAC),
			},
		}
	}
	slices.SortFunc(list, func(a, b engine.Hop) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// incarnation tells the members of a service from those with the same IDs in
// others: each has a slot of its own there, so that flows are counted by
// service, and planes that find members by slot tell their outputs apart. It
// does not count in placement. Services that share flows have one.
func incarnation(s *config.Service) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, cmp.Or(scopeOf(s), s.Name)) // never fails
	return h.Sum64()
}

// same reports whether the group has these hops already.
func (t *target) same() bool {
	v := t.from.View()
	if v.Version() == 0 || v.Len() != len(t.hops) {
		return false
	}
	for i, m := range v.All() {
		h := &t.hops[i]
		if m.ID != h.ID || m.Weight != h.Weight || *t.from.At(i) != h.Value {
			return false
		}
	}
	return true
}

// update changes the groups and syncs the plane, or leaves both as they were.
func (r *Registry) update(targets []target, changed []*target) error {
	var failed error
	for _, t := range changed {
		if failed = change(t.group, t.next.Strategy, t.hops); failed != nil {
			failed = &RefusedError{t.next.Name, failed}
			break
		}
	}
	services := make([]plane.Service, len(targets))
	for i, t := range targets {
		services[i] = plane.Service{Prefixes: t.next.Prefixes, Group: t.group}
	}
	if failed == nil {
		failed = r.plane.Sync(services)
	}
	if failed == nil {
		return nil
	}
	for _, t := range targets {
		if t.group.Load() == t.from {
			continue
		}
		failed = errors.Join(failed, change(t.group, cmp.Or(t.Strategy, t.next.Strategy), hopsOf(t.from)))
	}
	return errors.Join(failed, r.sync())
}

// change gives a group its members and its strategy. Established flows stay at
// members that stay. Either strategy may not serve the members of the other's
// time, unequal weights for example: then the strategy goes first.
func change(g *engine.Group, s selector.Strategy, hops []engine.Hop) error {
	_, failed := g.Update(hops)
	if _, err := g.SetStrategy(s); err != nil {
		return errors.Join(failed, err)
	}
	if failed != nil {
		_, failed = g.Update(hops)
	}
	return failed
}

func hopsOf(s *selector.Snapshot[engine.Adjacency]) []engine.Hop {
	var list []engine.Hop
	for i, m := range s.View().All() {
		list = append(list, engine.Hop{
			ID: m.ID, Weight: m.Weight, Incarnation: s.View().Incarnation(i), Value: *s.At(i),
		})
	}
	return list
}

// sync has the plane take over the services in force.
func (r *Registry) sync() error {
	services := make([]plane.Service, len(r.services))
	for i, s := range r.services {
		services[i] = plane.Service{Prefixes: s.Prefixes, Group: s.group}
	}
	return r.plane.Sync(services)
}

// commit takes down what is in force now.
func (r *Registry) commit(targets []target, numbers outputs, voided map[string]int, movedBefore uint64) {
	var now []*service
	for _, t := range targets {
		r.record(&t, voided[t.next.Name], movedBefore)
		t.remember()
		t.Service = t.next
		now = append(now, t.service)
	}
	for _, s := range r.services {
		if !slices.Contains(now, s) {
			s.group.Close()
			r.log(Change{Service: s.Name, What: "service removed", Voided: voided[s.Name], movedBefore: movedBefore})
		}
	}
	r.services, r.outputs = now, numbers
}

// remember keeps the weights of the members that are drained now.
func (t *target) remember() {
	drained := make(map[string]uint32)
	for _, m := range t.next.Members {
		if m.Weight > 0 {
			continue
		}
		if i, err := t.find(m.ID); err == nil && t.Members[i].Weight > 0 {
			drained[m.ID] = t.Members[i].Weight
		} else if w, ok := t.drained[m.ID]; ok {
			drained[m.ID] = w
		}
	}
	t.drained = drained
}
