package xdp

import (
	"errors"
	"fmt"
	gomaps "maps"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A state is what the maps say.
type state struct {
	list     []plane.Service // of which it is, in the order given
	services map[*engine.Group]*service
	prefixes *prefixes
	hops     []hopEntry             // by slot; zero: nobody has it
	tunnels  map[uint16]tunnelEntry // by slot
	taken    indexes                // of these services and of those before
}

// prefixes are what packets are looked up by. They never change: where two
// states have the same, there is nothing to be done.
type prefixes struct{ services map[lpmKey]uint32 }

// indexes is a set of indexes of services.
type indexes [(MaxServices + 63) / 64]uint64

func (x *indexes) add(index uint32) { x[index/64] |= 1 << (index % 64) }

// free returns the least index that is not in the set, MaxServices if there is
// none.
func (x *indexes) free() uint32 {
	for i, word := range x {
		if word != ^uint64(0) {
			return min(uint32(64*i+bits.TrailingZeros64(^word)), MaxServices)
		}
	}
	return MaxServices
}

// A service is a group in force. It is made anew where anything of it changes.
type service struct {
	index    uint32
	key      placement.Key
	snapshot *selector.Snapshot[engine.Adjacency]
	outputs  uint64 // the generation that hops are of
	hops     []slotHop
	slots    []uint16
	members  []memberOf
	salt     uint64
	table    *table     // nil until it is in force
	others   dropCounts // of services that had the index before

	placed bool     // slots are known, and whether the table stays
	before *service // until then: what the group is now

	// that of flows that are many connections; 0: flows are connections
	established flowcache.State
}

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
	next := state{list: services, services: make(map[*engine.Group]*service, len(services)),
		hops: make([]hopEntry, 0, len(p.state.hops)), tunnels: make(map[uint16]tunnelEntry)}
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

// prefixesOf returns what packets of services are looked up by; with pings, those
// too that the slow path answers, if there is room for all of them.
func (s *state) prefixesOf(services []plane.Service, pings bool) (*prefixes, error) {
	all := &prefixes{make(map[lpmKey]uint32, len(services))}
	var parts plane.Parts
	for _, is := range services {
		of := s.services[is.Group]
		if err := parts.Add(of.snapshot.View().Name(), is); err != nil {
			return nil, err
		}
		for part := range is.Parts() {
			for _, k := range keysOf(part) {
				all.services[k] = of.index
			}
		}
	}
	if n := len(all.services); n > MaxPrefixes {
		return nil, &Error{Err: fmt.Errorf("%w: %d prefixes", ErrLimit, MaxPrefixes), Value: n}
	}
	if !pings {
		return all, nil
	}
	pinged := gomaps.Collect(plane.Pinged(services))
	if len(all.services)+len(pinged) <= MaxPrefixes {
		for addr, g := range pinged {
			all.services[pingKey(addr)] = s.services[g].index | pingedFlag
		}
	}
	return all, nil
}

// planGroup adds the members of a group to the next state, and returns what
// becomes of the group: what it is now, if nothing of it changed.
func (p *dataPlane) planGroup(g *engine.Group, key placement.Key, next *state) (*service, error) {
	snapshot := g.Load()
	v := snapshot.View()
	old := p.state.services[g]
	if old != nil && old.key == key && old.snapshot == snapshot && old.outputs == p.generation &&
		p.flows.same(v, old.members) {
		next.addHops(old.hops)
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
	next.addHops(s.hops)
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

// place works out the table of a service that is made anew: the one that there
// is, if that says the same.
func (s *service) place() (err error) {
	old, v := s.before, s.snapshot.View()
	s.before = nil
	same := old != nil && slices.Equal(old.members, s.members)
	if same && old.snapshot.View() == v {
		s.slots = old.slots // the same view, the same marks
	} else if s.slots, err = slotsOf(v); err != nil {
		return err
	}
	if same && old.key == s.key && slices.Equal(old.slots, s.slots) {
		s.table = old.table // as it is
	}
	s.placed = true
	return nil
}

// place works out the tables of all services that are made anew, some at the
// same time.
func (s *state) place() error {
	var list []*service
	for _, is := range s.services {
		if !is.placed {
			list = append(list, is)
		}
	}
	return eachOf(len(list), func(i int) error { return list[i].place() })
}

// eachOf calls do for each of so many numbers, some at the same time, and
// returns the errors.
func eachOf(n int, do func(i int) error) error {
	errs := make([]error, n)
	var working sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), n) {
		working.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				errs[i] = do(i)
			}
		})
	}
	working.Wait()
	for _, err := range errs { // the first alone: one says what is wrong
		if err != nil {
			return err
		}
	}
	return nil
}

// addHops adds members by slot.
func (s *state) addHops(list []slotHop) {
	for _, h := range list {
		for int(h.slot) >= len(s.hops) {
			s.hops = append(s.hops, hopEntry{})
		}
		if s.hops[h.slot] = h.hopEntry; h.tunnel != (tunnelEntry{}) {
			s.tunnels[h.slot] = h.tunnel
		}
	}
}

// hop returns the member that has a slot; zero if nobody has it.
func (s *state) hop(slot int) hopEntry {
	if slot < len(s.hops) {
		return s.hops[slot]
	}
	return hopEntry{}
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
	var changed []*service
	before := make(map[*service]*service)
	for g, s := range next.services {
		if s.table == nil {
			changed = append(changed, s)
			before[s] = old.services[g]
		}
	}
	if err := p.tables.swap(changed, before); err != nil {
		return err
	}
	if err := p.applyPrefixes(old.prefixes, next.prefixes); err != nil {
		return err
	}
	for g, s := range old.services {
		if next.services[g] != nil || s.table == nil {
			continue
		}
		p.tables.park(s)
	}
	for slot, h := range old.hops {
		if h == (hopEntry{}) || next.hop(slot) != (hopEntry{}) {
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
		if h == (hopEntry{}) || old.hop(slot) == h {
			continue
		}
		if err := p.maps.hops.Put(uint32(slot), h); err != nil {
			return err
		}
	}
	return nil
}

func (p *dataPlane) applyPrefixes(old, next *prefixes) error {
	if old == next {
		return nil
	}
	for k, index := range next.all() {
		if was, ok := old.all()[k]; ok && was == index {
			continue
		}
		if err := p.maps.prefixes.Put(k, index); err != nil {
			return err
		}
	}
	for k := range old.all() {
		if _, ok := next.all()[k]; ok {
			continue
		}
		if err := p.maps.prefixes.Delete(k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
	}
	return nil
}

// all returns the prefixes; none of a state before the first.
func (p *prefixes) all() map[lpmKey]uint32 {
	if p == nil {
		return nil
	}
	return p.services
}
