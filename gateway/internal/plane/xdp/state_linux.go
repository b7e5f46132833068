package xdp

import (
	"fmt"
	gomaps "maps"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// A state is what the maps say.
type state struct {
	list     []plane.Service // of which it is, in the order given
	services []*service      // one for each group, in the order of the list
	prefixes *prefixes
	members  *members
	seen     sight
}

// A sight is what the states of members are worked out from, beside the
// snapshots of their groups. Where two are equal, no member has another state.
type sight struct {
	marks    uint32 // see [selector.Domain.Marks]
	released *releases
	awaiting bool // for members that were known before a restart: equal to none
}

func (s sight) equal(o sight) bool { return s == o && !s.awaiting }

// look returns what there is to be seen now.
func (p *dataPlane) look() sight {
	s := sight{marks: p.config.Domain.Marks(slots.Insider{})}
	if p.flows != nil {
		s.released, s.awaiting = p.flows.released.Load(), p.flows.awaiting()
	}
	return s
}

// byGroup finds services by their groups.
func (s *state) byGroup() map[*engine.Group]*service {
	services := make(map[*engine.Group]*service, len(s.services))
	for _, is := range s.services {
		services[is.group] = is
	}
	return services
}

// of returns what this state has for the group of a service of another state,
// given by its index there; nil if it has none.
func (s *state) of(other state) func(i int) *service {
	if s.prefixes == other.prefixes { // of the same list
		return func(i int) *service { return s.services[i] }
	}
	services := s.byGroup()
	return func(i int) *service { return services[other.services[i].group] }
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
	group    *engine.Group
	index    uint32
	key      placement.Key
	snapshot *selector.Snapshot[engine.Adjacency]
	outputs  uint64 // the generation that hops are of
	hops     []slotHop
	slots    int // of the table
	members  []memberOf
	salt     uint64
	table    *table     // nil until it is in force
	others   dropCounts // of services that had the index before

	placed bool     // it is known whether the table stays
	before *service // until then: what the group is now

	// that of flows that are many connections; 0: flows are connections
	established flowcache.State
}

// prefixesOf returns what packets of services are looked up by; with pings, those
// too that the slow path answers, if there is room for all of them.
func (s *state) prefixesOf(services []plane.Service, pings bool) (*prefixes, error) {
	all, groups := &prefixes{make(map[lpmKey]uint32, len(services))}, s.byGroup()
	var parts plane.Parts
	for _, is := range services {
		of := groups[is.Group]
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
			all.services[pingKey(addr)] = groups[g].index | pingedFlag
		}
	}
	return all, nil
}

// all returns the prefixes; none of a state before the first.
func (p *prefixes) all() map[lpmKey]uint32 {
	if p == nil {
		return nil
	}
	return p.services
}

// place finds out whether the tables of the services that are made anew stay:
// a table does that says the same of the same members.
func (s *state) place() {
	for _, is := range s.services {
		if is.placed {
			continue
		}
		if old := is.before; old != nil && old.key == is.key && slices.Equal(old.members, is.members) &&
			old.snapshot.View().Fingerprint() == is.snapshot.View().Fingerprint() {
			is.table = old.table
		}
		is.before, is.placed = nil, true
	}
}

// eachOf calls do for each of so many numbers, some at the same time, and
// returns the errors.
func eachOf(n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
			errs[i] = do(i)
		}
	}
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) - 1 {
		working.Go(work)
	}
	work() // one of few needs nobody else, who would have to be woken
	working.Wait()
	for _, err := range errs { // the first alone: one says what is wrong
		if err != nil {
			return err
		}
	}
	return nil
}
