package xdp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// Sync implements [plane.Plane]. The errors are an [*Error] that names the
// group or member that can't be had here, and those of the kernel.
//
// New members come first, then the tables that refer to them, each swapped in
// as a whole, then prefixes; members that left go last.
func (p *dataPlane) Sync(services []plane.Service) error {
	p.syncing.Lock()
	defer p.syncing.Unlock()
	epoch, late := uint64(0), p.flows.overdue()
	if p.flows != nil {
		// before the snapshots, which have none of the slots retired until now
		epoch = p.flows.slots.Epoch()
	}
	next, err := p.plan(services)
	if err != nil {
		return err
	}
	err = p.apply(p.state, next)
	if err == nil {
		err = p.slow.Sync(services)
	}
	if err != nil {
		return errors.Join(err, p.apply(next, p.state))
	}
	anew := p.state.prefixes != next.prefixes
	p.state = next
	if anew {
		p.serve(next.services)
	}
	if late {
		p.flows.giveUp()
	}
	if p.flows != nil {
		p.flows.retire(epoch)
		p.flows.endReleases(services)
	}
	return nil
}

// refill puts the groups that are in force there again: other members are
// awaited than before.
func (p *dataPlane) refill() error {
	p.syncing.Lock()
	defer p.syncing.Unlock()
	late := p.flows.overdue()
	next := p.next(p.state.list)
	next.prefixes = p.state.prefixes
	for g, is := range p.state.services {
		s, err := p.planGroup(g, is.key, &next)
		if err != nil {
			return err
		}
		next.services[g] = s
	}
	next.gather(&p.state)
	if err := next.place(); err != nil {
		return err
	}
	if err := p.apply(p.state, next); err != nil {
		return errors.Join(err, p.apply(next, p.state))
	}
	p.state = next
	if late {
		p.flows.giveUp()
	}
	return nil
}

// next returns an empty state for services.
func (p *dataPlane) next(services []plane.Service) state {
	next := state{list: services, services: make(map[*engine.Group]*service, len(services))}
	for _, s := range p.state.services {
		next.taken.add(s.index)
	}
	return next
}

// plan works out the state that services ask for, and changes nothing. What has
// not changed is taken from the present one.
func (p *dataPlane) plan(services []plane.Service) (state, error) {
	next := p.next(slices.Clone(services))
	for i, s := range services {
		if s.Group == nil {
			return state{}, &plane.ConfigError{Field: "Group", Value: s.Group,
				Reason: fmt.Sprintf("service %d has none", i)}
		}
		if next.services[s.Group] == nil {
			added, err := p.planGroup(s.Group, s.Key, &next)
			if err != nil {
				return state{}, err
			}
			next.services[s.Group] = added
		}
	}
	next.gather(&p.state)
	if err := next.place(); err != nil {
		return state{}, err
	}
	if p.state.prefixes != nil && slices.EqualFunc(p.state.list, services, plane.Service.Equal) {
		next.prefixes = p.state.prefixes
		return next, nil
	}
	var err error
	next.prefixes, err = next.prefixesOf(services, p.config.ICMP.Pings > 0)
	return next, err
}

// planGroup returns what becomes of a group in the next state: what it is now, if
// nothing of it changed.
func (p *dataPlane) planGroup(g *engine.Group, key placement.Key, next *state) (*service, error) {
	snapshot := g.Load()
	v := snapshot.View()
	old := p.state.services[g]
	if old != nil && old.key == key && old.snapshot == snapshot && old.outputs == p.generation &&
		p.flows.same(v, old.members) {
		return old, nil
	}
	if g.Domain() != p.config.Domain {
		return nil, &Error{Err: ErrDomain, Group: v.Name()}
	}
	if !slices.Contains(Keys(), key) {
		return nil, &Error{Err: ErrKey, Group: v.Name(), Value: key}
	}
	s := &service{key: key, snapshot: snapshot, outputs: p.generation, salt: v.Salt(),
		members: append(p.flows.membersIn(v), p.flows.awaitedIn(v)...)}
	var err error
	if s.hops, err = hopsOf(snapshot, p.outputs); err != nil {
		return nil, err
	}
	if key.Aggregate() && p.flows != nil {
		p.flows.clients.Store(true)
		s.established = p.flows.timeouts.established(flowcache.FirstClass)
	}
	if s.before = old; old != nil {
		s.index, s.others = old.index, old.others
		return s, nil
	}
	if s.index = next.taken.free(); s.index >= MaxServices {
		return nil, &Error{Err: fmt.Errorf("%w: %d groups", ErrLimit, MaxServices), Group: v.Name()}
	}
	next.taken.add(s.index)
	s.others = dropsAt(p.maps.unserved, s.index)
	return s, nil
}
