package services

import (
	"cmp"
	"errors"
	"hash/fnv"
	"io"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// apply puts a plan in force, all of it or nothing.
func (r *Registry) apply(p *plan) error {
	if err := r.compatible(p); err != nil {
		return err
	}
	if err := r.number(p); err != nil {
		return err
	}
	r.prepare(p)
	if err := p.build(); err != nil {
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
	if err := r.update(p); err != nil {
		err = errors.Join(err, r.rollBack(p))
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

// update changes the groups and syncs the plane. After an error it may have
// done so in part. A plane that can't follow the log of a cluster is no error:
// it is behind.
func (r *Registry) update(p *plan) error {
	for _, t := range p.changed {
		if err := t.change(); err != nil {
			return &RefusedError{t.next.Name, err}
		}
	}
	err := r.tell(p.inForce())
	if p.behind = err != nil && p.logged; p.behind {
		r.logger.Error("the data plane is behind the cluster", "error", err)
		return nil
	}
	return err
}

// inForce returns the services after the plan, as the plane is told.
func (p *plan) inForce() []plane.Service {
	next := make(map[*service]*config.Service, len(p.targets))
	for i := range p.targets {
		next[p.targets[i].service] = &p.targets[i].next
	}
	services := make([]plane.Service, len(p.services))
	for i, s := range p.services {
		is := &s.Service
		if n, ok := next[s]; ok {
			is = n
		}
		services[i] = is.Plane()
		services[i].Group = s.group
	}
	return services
}

// rollBack has the groups, the marks and the plane be again what they were
// before an update that failed. The plane comes last, since it reads the others.
// If it can't follow, Step tries again.
func (r *Registry) rollBack(p *plan) error {
	r.untold = true // a release may have ended meanwhile
	var failed error
	for i := range p.targets {
		if t := &p.targets[i]; t.group.Load() != t.from {
			failed = errors.Join(failed, t.undo())
		}
	}
	for _, t := range p.targets {
		r.mark(t.service, &t.Service)
	}
	err := r.sync()
	r.unsynced = err != nil
	return errors.Join(failed, err)
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
	return r.tell(services)
}

// tell has the plane take over services.
func (r *Registry) tell(services []plane.Service) error {
	err := r.plane.Sync(services)
	r.unsynced = r.unsynced && err != nil
	return err
}

// syncAgain has the plane take over what is in force, if it may still have a
// change that failed.
func (r *Registry) syncAgain() error {
	if !r.unsynced {
		return nil
	}
	return r.sync()
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
