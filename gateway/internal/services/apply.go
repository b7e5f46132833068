package services

import (
	"cmp"
	"errors"
	"hash/fnv"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A plan is what becomes of some services; all others stay as they are, and
// what it takes to put it in force does not depend on how many they are.
type plan struct {
	targets  []target
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

// replace plans that these services are all that there are.
func (r *Registry) replace(next []config.Service) (*plan, error) {
	p := &plan{reopen: r.behind}
	kept := make(map[*service]bool, len(next))
	for _, n := range next {
		s := r.byName[n.Name]
		switch {
		case s == nil:
			group, err := selector.NewGroup[engine.Adjacency](r.domain, selector.GroupConfig{
				Name: n.Name, Strategy: n.Strategy, Scope: scopeOf(&n),
			})
			if err != nil {
				return nil, &RefusedError{n.Name, err}
			}
			s = &service{group: group, lost: r.lost[n.Name]}
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

// edited plans another state of one service.
func (r *Registry) edited(s *service, next config.Service) *plan {
	if r.behind {
		p := r.again(r.services)
		p.targets[slices.Index(r.services, s)].next = next
		return p
	}
	return &plan{targets: []target{{service: s, next: next}}, services: r.services}
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

// apply puts a plan in force, all of it or nothing.
func (r *Registry) apply(p *plan) error {
	if err := r.compatible(p); err != nil {
		return err
	}
	if err := r.number(p); err != nil {
		return err
	}
	now := r.Now()
	for i := range p.targets {
		t := &p.targets[i]
		t.ramps = t.ramping(now)
		t.hops, t.from = r.hops(&t.next, t.ramps), t.group.Load()
		t.payloads = !t.fresh && t.version == 0 && r.inCluster(t.service)
	}
	changed, err := p.changed()
	if err != nil {
		r.outputs.release(p.joined)
		return err
	}
	opens := p.reopen || r.unopened || len(p.joined) > 0
	if opens {
		if err := r.open(); err != nil {
			r.outputs.release(p.joined)
			return err
		}
	}
	for i := range p.targets {
		r.mark(p.targets[i].service, &p.targets[i].next)
	}
	voided, movedBefore := r.pinsLost(p), r.moved()
	if err := r.update(p, changed); err != nil {
		for _, t := range p.targets {
			r.mark(t.service, &t.Service)
		}
		r.outputs.release(p.joined)
		if opens {
			err = errors.Join(err, r.open())
		}
		return err
	}
	r.commit(p, voided, movedBefore)
	return nil
}

// open has the plane open what is sent to, and marks who is behind an interface
// that it can't open any more, or can again.
func (r *Registry) open() error {
	faults, err := r.plane.SetOutputs(r.outputs.devices)
	if err != nil {
		return err
	}
	was := r.host.faults
	r.host.faults, r.unopened = faults, false
	for dev := range faults {
		if was[dev] == nil {
			r.markBehind(dev)
		}
	}
	for dev := range was {
		if faults[dev] == nil {
			r.markBehind(dev)
		}
	}
	return nil
}

// changed returns the targets whose groups are to be updated, in the order of
// the updates. Only a strategy knows whether it can serve given members, Anchor
// with its capacity for example, and it says so when it builds. A failed update
// must find nothing changed that packets meet, and a build takes milliseconds.
// So all are planned here, at the same time: their updates get what was built
// for the plan. So is what they do to flows, which takes as long. Groups that no
// packet comes to yet are updated first.
func (p *plan) changed() ([]*target, error) {
	var fresh, rest []*target
	for i := range p.targets {
		t := &p.targets[i]
		switch {
		case t.fresh:
			fresh = append(fresh, t)
		case t.same() && t.next.Strategy == t.Strategy && t.version == 0:
		default:
			rest = append(rest, t)
		}
	}
	all := slices.Concat(fresh, rest)
	errs := make([]error, len(all))
	var next atomic.Int64
	build := func() {
		for i := int(next.Add(1) - 1); i < len(all); i = int(next.Add(1) - 1) {
			if all[i].payloads {
				continue
			}
			planned, err := all[i].group.Plan(all[i].next.Strategy, all[i].hops)
			if err != nil {
				errs[i] = &RefusedError{all[i].next.Name, err}
				continue
			}
			all[i].foresee(planned)
		}
	}
	var building sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(all)) - 1 {
		building.Go(build)
	}
	build() // one of few needs nobody else, who would have to be woken
	building.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (r *Registry) hops(s *config.Service, ramps map[string]ramp) []engine.Hop {
	list := make([]engine.Hop, len(s.Members))
	weights := weights(s, ramps)
	of := incarnation(s)
	for i, m := range s.Members {
		list[i] = engine.Hop{
			ID: m.ID, Weight: weights[i], Incarnation: cmp.Or(m.Incarnation, of), Backup: m.Backup,
			Value: engine.Adjacency{
				ID: m.ID, Output: r.outputs.numbers[port{s.Name, m.ID, m.Dev}],
				Header: engine.NewEthernet(r.host.mac(m), r.host.links[m.Dev].MAC),
				Tunnel: m.Outer(),
			},
		}
	}
	slices.SortFunc(list, func(a, b engine.Hop) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// incarnation tells the members of a service from those with the same IDs in
// others: each has a slot of its own there, so that flows are counted by
// service, and planes that find members by slot tell their outputs apart. It
// does not count in placement. Services that share flows have one. Its highest
// bit is set, for a cluster gives others: see cluster.JoinReplica.
func incarnation(s *config.Service) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, cmp.Or(scopeOf(s), s.Name)) // never fails
	return h.Sum64() | 1<<63
}

// same reports whether the group has these hops already.
func (t *target) same() bool {
	v := t.from.View()
	if v.Version() == 0 || v.Len() != len(t.hops) {
		return false
	}
	for i, m := range v.All() {
		h := &t.hops[i]
		if m.ID != h.ID || m.Weight != h.Weight || v.Backup(i) != h.Backup || *t.from.At(i) != h.Value ||
			v.Incarnation(i) != h.Incarnation {
			return false
		}
	}
	return true
}

// update changes the groups and syncs the plane, or leaves both as they were.
func (r *Registry) update(p *plan, changed []*target) error {
	var failed error
	for _, t := range changed {
		if failed = t.change(); failed != nil {
			failed = &RefusedError{t.next.Name, failed}
			break
		}
	}
	services := make([]plane.Service, len(p.services))
	place := make(map[*service]int, len(p.targets))
	for i, t := range p.targets {
		place[t.service] = i
	}
	for i, s := range p.services {
		is := &s.Service
		if at, ok := place[s]; ok {
			is = &p.targets[at].next
		}
		services[i] = is.Plane()
		services[i].Group = s.group
	}
	if failed == nil {
		failed = r.plane.Sync(services)
		if p.behind = failed != nil && p.logged; p.behind {
			r.logger.Error("the data plane is behind the cluster", "error", failed)
			return nil
		}
	}
	if failed == nil {
		return nil
	}
	r.untold = true // a release may have ended meanwhile
	for i := range p.targets {
		if t := &p.targets[i]; t.group.Load() != t.from {
			failed = errors.Join(failed, t.undo())
		}
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
			ID: m.ID, Weight: m.Weight, Incarnation: s.View().Incarnation(i),
			Backup: s.View().Backup(i), Value: *s.At(i),
		})
	}
	return list
}

// sync has the plane take over the services in force.
func (r *Registry) sync() error {
	services := make([]plane.Service, len(r.services))
	for i, s := range r.services {
		services[i] = s.Plane()
		services[i].Group = s.group
	}
	return r.plane.Sync(services)
}

// commit takes down what is in force now.
func (r *Registry) commit(p *plan, voided map[string]int, movedBefore uint64) {
	asked := false // of members that are to be asked whether they serve
	// All leave the roster before any is added: a member that moves in several
	// services would else keep its old place, by those that are yet to come.
	for i := range p.targets {
		r.roster.remove(p.targets[i].service)
	}
	for _, s := range p.removed {
		r.roster.remove(s)
	}
	for i := range p.targets {
		t := &p.targets[i]
		r.record(t, voided[t.next.Name], movedBefore)
		r.tellRamps(t)
		t.remember()
		t.foreseen = effect{}
		asked = asked || t.Check != nil || t.next.Check != nil
		t.Service = t.next
		t.forgetDown()
		r.tellPanic(t.service, movedBefore)
		if t.group.Load() != t.from {
			r.tellOwned(t)
		}
		r.roster.add(t.service)
		r.byName[t.Name] = t.service
		r.ask(t.Members)
	}
	for _, s := range p.removed {
		asked = asked || s.Check != nil
		delete(r.ramping, s)
		s.group.Close()
		delete(r.byName, s.Name)
		r.log(Change{Service: s.Name, What: "service removed", Voided: voided[s.Name], movedBefore: movedBefore})
	}
	r.services = p.services
	r.edits++
	r.places = nil
	if len(p.left) > 0 {
		r.outputs.release(p.left)
		// What could not be closed is closed by the next change.
		r.unopened = r.open() != nil
	}
	if asked {
		r.check()
	}
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
