package xdp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A state is what the maps say.
type state struct {
	services map[*engine.Group]*service
	prefixes map[lpmKey]uint32      // to the index of a service
	hops     map[uint16]hopEntry    // by slot
	tunnels  map[uint16]tunnelEntry // by slot
}

func newState() state {
	return state{make(map[*engine.Group]*service), make(map[lpmKey]uint32), make(map[uint16]hopEntry),
		make(map[uint16]tunnelEntry)}
}

// A service is a group in force.
type service struct {
	index   uint32
	key     placement.Key
	view    *selector.View
	slots   []uint16
	members []memberOf
	salt    uint64
	table   *table // nil until it is in force

	// that of flows that are many connections; 0: flows are connections
	established flowcache.State
}

// Sync implements [plane.Plane]. The errors are an [*Error] that names the
// group or member that can't be had here, and those of the kernel.
//
// New members come first, then the tables that refer to them, each swapped in
// as a whole, then prefixes; members that left go last. The kernel returns from
// the swap of a table when no program reads the old one any more.
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
	p.state = next
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
	next := newState()
	next.prefixes = p.state.prefixes
	for g, is := range p.state.services {
		s, err := p.planGroup(g, is.key, &next)
		if err != nil {
			return err
		}
		next.services[g] = s
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

// plan works out the state that services ask for, and changes nothing.
func (p *dataPlane) plan(services []plane.Service) (state, error) {
	next := newState()
	var parts plane.Parts
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
		if err := parts.Add(next.services[s.Group].view.Name(), s); err != nil {
			return state{}, err
		}
		for part := range s.Parts() {
			for _, k := range keysOf(part) {
				next.prefixes[k] = next.services[s.Group].index
			}
		}
	}
	if n := len(next.prefixes); n > MaxPrefixes {
		return state{}, &Error{Err: fmt.Errorf("%w: %d prefixes", ErrLimit, MaxPrefixes), Value: n}
	}
	return next, nil
}

// planGroup adds the members of a group to the next state, and returns what
// becomes of the group.
func (p *dataPlane) planGroup(g *engine.Group, key placement.Key, next *state) (*service, error) {
	snapshot := g.Load()
	v := snapshot.View()
	if g.Domain() != p.config.Domain {
		return nil, &Error{Err: ErrDomain, Group: v.Name()}
	}
	if !slices.Contains(Keys(), key) {
		return nil, &Error{Err: ErrKey, Group: v.Name(), Value: key}
	}
	if err := addHops(snapshot, p.outputs, next); err != nil {
		return nil, err
	}
	s := &service{view: v, key: key, members: append(p.flows.membersIn(v), p.flows.awaitedIn(v)...), salt: v.Salt()}
	if key.Aggregate() && p.flows != nil {
		p.flows.clients.Store(true)
		s.established = p.flows.timeouts.established(flowcache.FirstClass)
	}
	old := p.state.services[g]
	if old != nil && old.key == key && old.view == v && slices.Equal(old.members, s.members) {
		s.index, s.slots, s.table = old.index, old.slots, old.table // as they are: the same view, the same marks
		return s, nil
	}
	var err error
	if s.slots, err = slotsOf(v); err != nil {
		return nil, err
	}
	if old != nil {
		s.index = old.index
		if old.key == key && slices.Equal(old.slots, s.slots) && slices.Equal(old.members, s.members) {
			s.table = old.table // as it is
		}
		return s, nil
	}
	for p.taken(s.index, next) {
		s.index++
	}
	if s.index >= MaxServices {
		return nil, &Error{Err: fmt.Errorf("%w: %d groups", ErrLimit, MaxServices), Group: v.Name()}
	}
	return s, nil
}

// taken reports whether a service, now or next, has the index.
func (p *dataPlane) taken(index uint32, next *state) bool {
	for _, services := range []map[*engine.Group]*service{p.state.services, next.services} {
		for _, s := range services {
			if s.index == index {
				return true
			}
		}
	}
	return false
}

// apply brings the maps from one state to the next. Where that failed half-way,
// the way back is to apply it the other way round.
func (p *dataPlane) apply(old, next state) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("xdp: maps: %w", err)
		}
	}()
	if err := p.applyHops(old, next); err != nil {
		return err
	}
	for g, s := range next.services {
		if err := p.swapTable(old.services[g], s); err != nil {
			return err
		}
	}
	if err := p.applyPrefixes(old, next); err != nil {
		return err
	}
	for g, s := range old.services {
		if next.services[g] != nil || s.table == nil {
			continue
		}
		if err := p.maps.tables.Delete(s.index); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		p.spare, s.table = append(p.spare, s.table), nil
	}
	for slot := range old.hops {
		if _, ok := next.hops[slot]; ok {
			continue
		}
		if err := p.maps.hops.Put(uint32(slot), hopEntry{}); err != nil {
			return err
		}
	}
	for slot := range old.tunnels {
		if _, ok := next.tunnels[slot]; ok {
			continue
		}
		if err := p.maps.tunnels.Delete(uint32(slot)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
	}
	return nil
}

// applyHops writes the members of the next state, each after its tunnel.
func (p *dataPlane) applyHops(old, next state) error {
	for slot, t := range next.tunnels {
		if old.tunnels[slot] == t {
			continue
		}
		if err := p.maps.tunnels.Put(uint32(slot), t); err != nil {
			return err
		}
	}
	for slot, h := range next.hops {
		if old.hops[slot] == h {
			continue
		}
		if err := p.maps.hops.Put(uint32(slot), h); err != nil {
			return err
		}
	}
	return nil
}

// swapTable puts the table of a service in the place of the old one.
func (p *dataPlane) swapTable(old, next *service) (err error) {
	if next.table != nil {
		return nil
	}
	var t *table
	if n := len(p.spare); n > 0 {
		t, p.spare = p.spare[n-1], p.spare[:n-1]
	} else if t, err = newTable(p.maps.group); err != nil {
		return err
	}
	if err = t.fill(next); err == nil {
		err = p.maps.tables.Put(next.index, uint32(t.FD()))
	}
	if err != nil {
		p.spare = append(p.spare, t)
		return err
	}
	next.table = t
	if old != nil && old.table != nil {
		p.spare, old.table = append(p.spare, old.table), nil
	}
	return nil
}

func (p *dataPlane) applyPrefixes(old, next state) error {
	for k, index := range next.prefixes {
		if was, ok := old.prefixes[k]; ok && was == index {
			continue
		}
		if err := p.maps.prefixes.Put(k, index); err != nil {
			return err
		}
	}
	for k := range old.prefixes {
		if _, ok := next.prefixes[k]; ok {
			continue
		}
		if err := p.maps.prefixes.Delete(k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
	}
	return nil
}
