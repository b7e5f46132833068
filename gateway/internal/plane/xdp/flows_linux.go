package xdp

import (
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// flows are the pins. The program and the slow path keep them in the same maps.
// The methods are safe for concurrent use.
type flows struct {
	maps     *maps
	timeouts timeouts
	domain   *selector.Domain
	seed     uint64
	now      func() int64 // the clock of the program
	slots    *slots.Table
	slow     struct{ placed, moved, refused, detoured atomic.Uint64 } // counted by the slow path

	released atomic.Pointer[releases]

	swept   atomic.Uint64 // pins that expired
	clients atomic.Bool   // pins may be of clients: they live for longest

	mu      sync.Mutex
	retired []retirement // in order of time
	awaited awaited
	changed func() error // has the program look at what is awaited
}

// A retirement is a time since when the program follows no pin to a slot that
// was retired before an epoch of the domain.
type retirement struct {
	epoch uint64
	since int64
}

func newFlows(m *maps, t timeouts, c *plane.Config) *flows {
	return &flows{maps: m, timeouts: t, domain: c.Domain, seed: c.Seed, now: monotonic,
		slots: c.Domain.Slots(slots.Insider{}).NewTable()}
}

// pool is where the slots of the domain are from.
func (f *flows) pool() *slots.Pool { return f.domain.Slots(slots.Insider{}) }

// retire notes that the slots retired before the epoch are out of force.
func (f *flows) retire(epoch uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retired = append(f.retired, retirement{epoch, f.now()})
}

// release tells the domain of slots whose pins have all expired, so that it may
// give them to other members.
func (f *flows) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	n, _ := slices.BinarySearchFunc(f.retired, now-int64(f.timeouts.longest(f.clients.Load())),
		func(r retirement, before int64) int {
			if r.since < before {
				return -1
			}
			return 1
		})
	if n > 0 {
		f.slots.Aged(f.retired[n-1].epoch)
		f.slots.Swept(f.slots.Epoch()) // no pin of them is left
		f.retired = slices.Delete(f.retired, 0, n)
	}
}

// batch is how many pins are read by one call of the kernel.
const batch = 4096

// each calls yield for every pin in a map, expired ones included, until it
// returns false. While the program works, a pin may come twice or not at all.
func each(m *ebpf.Map, yield func(digest uint64, w pin) bool) error {
	var cursor ebpf.MapBatchCursor
	digests, pins := make([]uint64, batch), make([]pin, batch)
	for {
		n, err := m.BatchLookup(&cursor, digests, pins, nil)
		for i := range n {
			if !yield(digests[i], pins[i]) {
				return nil
			}
		}
		if err != nil {
			if errors.Is(err, ebpf.ErrKeyNotExist) { // the end
				return nil
			}
			return err
		}
	}
}

// live calls yield for every pin that has not expired, and whose flow is not
// released.
func (f *flows) live(yield func(digest uint64, w pin)) error {
	now, over := stamp(f.now()), f.over()
	for _, m := range []*ebpf.Map{f.maps.established, f.maps.probation} {
		err := each(m, func(digest uint64, w pin) bool {
			if !f.timeouts.expired(w, now) && !over[w.slot()] {
				yield(digest, w)
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Stats implements [plane.Flows]. It reads all pins to count them.
func (f *flows) Stats() plane.FlowStats {
	s := f.Counts()
	_ = f.live(func(uint64, pin) { s.Flows++ }) // fails when the plane is closed
	return s
}

// Counts is Stats without the number of flows.
func (f *flows) Counts() plane.FlowStats {
	return plane.FlowStats{
		Capacity: f.capacity(),
		Placed:   traffic(f.maps.events, uint32(placed)).Frames + f.slow.placed.Load(),
		Moved:    f.Moved(),
		Refused:  traffic(f.maps.events, uint32(refused)).Frames + f.slow.refused.Load(),
		Detoured: traffic(f.maps.events, uint32(detoured)).Frames + f.slow.detoured.Load(),
		Expired:  f.swept.Load(),
	}
}

func (f *flows) capacity() int {
	return int(f.maps.established.MaxEntries() + f.maps.probation.MaxEntries())
}

// Moved implements [plane.Flows].
func (f *flows) Moved() uint64 {
	return traffic(f.maps.events, uint32(moved)).Frames + f.slow.moved.Load()
}

// All implements [plane.Flows]. The pins have no keys.
func (f *flows) All() iter.Seq[flowcache.Pin] {
	return func(yield func(flowcache.Pin) bool) {
		now, over := stamp(f.now()), f.over()
		for _, m := range []*ebpf.Map{f.maps.established, f.maps.probation} {
			more := true
			_ = each(m, func(_ uint64, w pin) bool { // fails when the plane is closed
				if !f.timeouts.expired(w, now) && !over[w.slot()] {
					more = yield(flowcache.Pin{Slot: w.slot(), State: w.state(), Age: w.age(now)})
				}
				return more
			})
			if !more {
				return
			}
		}
	}
}

// Life implements [plane.Flows].
func (f *flows) Life(s flowcache.State) (name string, timeout time.Duration) {
	if int(s) < len(f.timeouts.life) {
		timeout = f.timeouts.life[s] - f.timeouts.refresh[s]
	}
	if s == affinity && f.timeouts.class != "" {
		return f.timeouts.class, timeout
	}
	return s.String(), timeout
}

// Pins implements [plane.Flows].
func (f *flows) Pins() map[selector.Slot]int {
	pins := make(map[selector.Slot]int)
	_ = f.live(func(_ uint64, w pin) {
		if f.pool().InUse(uint16(w.slot())) {
			pins[w.slot()]++
		}
	})
	return pins
}

// sweep removes expired pins from the map of established flows, where the
// kernel makes no room by itself.
func (f *flows) sweep() error {
	now, over := stamp(f.now()), f.over()
	var old []uint64
	err := each(f.maps.established, func(digest uint64, w pin) bool {
		if f.timeouts.expired(w, now) || over[w.slot()] {
			old = append(old, digest)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, digest := range old {
		// Look again: a packet of the flow may have come since, or its member
		// may have joined another group.
		var w pin
		if err := f.maps.established.Lookup(digest, &w); err != nil {
			continue
		}
		if !f.timeouts.expired(w, now) && (!over[w.slot()] || !f.over()[w.slot()]) {
			continue
		}
		if err := f.maps.established.Delete(digest); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		f.swept.Add(1)
	}
	return nil
}

// find returns the pin of a flow and the map that it is in; nil if there is
// none.
func (f *flows) find(digest uint64) (w pin, home *ebpf.Map) {
	for _, m := range []*ebpf.Map{f.maps.established, f.maps.probation} {
		if err := m.Lookup(digest, &w); err == nil {
			return w, m
		}
	}
	return 0, nil
}

// put writes the pin of a flow: to home, the map that it is in, or among those
// on probation if home is nil. A pin that is on probation no longer moves to
// the established flows. put reports whether the map that the pin belongs to
// had room.
func (f *flows) put(digest uint64, w pin, home *ebpf.Map) bool {
	if home == nil {
		home = f.maps.probation
	}
	s := w.state()
	promote := home == f.maps.probation && s > flowcache.Closing
	if promote && f.maps.established.Put(digest, w) == nil {
		_ = f.maps.probation.Delete(digest) // or it was pushed out meanwhile
		return true
	}
	return home.Put(digest, w) == nil && !promote
}
