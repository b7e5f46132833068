package xdp

import (
	"bytes"
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
	"github.com/ecmp-go/ecmp/selector"
)

// A state is what the maps say.
type state struct {
	list     []plane.Service // of which it is, in the order given
	services map[*engine.Group]*service
	prefixes *prefixes
	members  *members
	taken    indexes // of these services and of those before
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
	slots    []byte // of the table, as the program reads them
	members  []memberOf
	salt     uint64
	table    *table     // nil until it is in force
	others   dropCounts // of services that had the index before

	placed bool     // slots are known, and whether the table stays
	before *service // until then: what the group is now

	// that of flows that are many connections; 0: flows are connections
	established flowcache.State
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

// all returns the prefixes; none of a state before the first.
func (p *prefixes) all() map[lpmKey]uint32 {
	if p == nil {
		return nil
	}
	return p.services
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
	if same && old.key == s.key && bytes.Equal(old.slots, s.slots) {
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
