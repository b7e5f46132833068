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
		return errors.Join(err, p.back(next))
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
		p.flows.endReleases(next.services)
	}
	return nil
}

// refill puts the groups that are in force there again: other members are
// awaited or released than before.
func (p *dataPlane) refill() error {
	p.syncing.Lock()
	defer p.syncing.Unlock()
	late := p.flows.overdue()
	next, err := p.planAgain()
	if err != nil {
		return err
	}
	if err := p.apply(p.state, next); err != nil {
		return errors.Join(err, p.back(next))
	}
	p.state = next
	if late {
		p.flows.giveUp()
	}
	return nil
}

// plan works out the state that services ask for, and changes nothing. What has
// not changed is taken from the present one.
func (p *dataPlane) plan(services []plane.Service) (state, error) {
	if p.state.prefixes != nil && slices.EqualFunc(p.state.list, services, plane.Service.Equal) {
		return p.planAgain()
	}
	next := state{list: slices.Clone(services), seen: p.look()}
	now, there, taken := p.state.byGroup(), make(map[*engine.Group]bool, len(services)), p.taken()
	for i, s := range services {
		if s.Group == nil {
			return state{}, &plane.ConfigError{Field: "Group", Value: s.Group,
				Reason: fmt.Sprintf("service %d has none", i)}
		}
		if there[s.Group] {
			continue
		}
		there[s.Group] = true
		is, err := p.planGroup(s.Group, s.Key, now[s.Group], &next)
		if err != nil {
			return state{}, err
		}
		if now[s.Group] == nil {
			if is.index = taken.free(); is.index >= MaxServices {
				return state{}, &Error{Err: fmt.Errorf("%w: %d groups", ErrLimit, MaxServices),
					Group: is.snapshot.View().Name()}
			}
			taken.add(is.index)
			is.others = dropsAt(p.maps.unserved, is.index)
		}
		next.services = append(next.services, is)
	}
	next.gather(&p.state)
	next.place()
	var err error
	next.prefixes, err = next.prefixesOf(services, p.config.ICMP.Pings > 0)
	return next, err
}

// planAgain is plan with the services that are in force.
func (p *dataPlane) planAgain() (state, error) {
	next := state{list: p.state.list, prefixes: p.state.prefixes, seen: p.look(),
		services: slices.Clone(p.state.services)}
	for i, now := range p.state.services {
		var err error
		if next.services[i], err = p.planGroup(now.group, now.key, now, &next); err != nil {
			return state{}, err
		}
	}
	next.gather(&p.state)
	next.place()
	return next, nil
}

// taken returns the indexes of the services in force.
func (p *dataPlane) taken() (taken indexes) {
	for _, s := range p.state.services {
		taken.add(s.index)
	}
	return taken
}

// planGroup returns what becomes of a group in the next state: what it is now, if
// nothing of it changed. Of a new one the index is yet to be given.
func (p *dataPlane) planGroup(g *engine.Group, key placement.Key, now *service, next *state) (*service, error) {
	snapshot := g.Load()
	v := snapshot.View()
	var members []memberOf
	if now != nil && now.key == key && now.snapshot == snapshot && now.outputs == p.generation {
		if next.seen.equal(p.state.seen) {
			return now, nil
		}
		if members = p.flows.membersNow(v); slices.Equal(now.members, members) {
			return now, nil
		}
	}
	if g.Domain() != p.config.Domain {
		return nil, &Error{Err: ErrDomain, Group: v.Name()}
	}
	if !slices.Contains(Keys(), key) {
		return nil, &Error{Err: ErrKey, Group: v.Name(), Value: key}
	}
	if members == nil {
		members = p.flows.membersNow(v)
	}
	s := &service{group: g, key: key, snapshot: snapshot, outputs: p.generation, salt: v.Salt(), members: members}
	var err error
	if s.hops, err = hopsOf(snapshot, p.outputs); err != nil {
		return nil, err
	}
	if s.slots, err = slotsIn(v); err != nil {
		return nil, err
	}
	if key.Aggregate() && p.flows != nil {
		p.flows.clients.Store(true)
		s.established = p.flows.timeouts.established(flowcache.FirstClass)
	}
	if s.before = now; now != nil {
		s.index, s.others = now.index, now.others
	}
	return s, nil
}
