package flowcache_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/sticky"
	"github.com/ecmp-go/ecmp/selector"
)

// A sharedTable is a tiny table and its workers, each with flows and a model of
// its own, while the group, the marks and the time change and the
// table is swept. What a worker does while something changes can't be told to
// the model: the flow is then given up for another one, and only the other
// steps are checked.
type sharedTable struct {
	*router
	changing sync.Mutex
	changes  atomic.Int64 // odd during a change
	clock    atomic.Int64 // nanoseconds
	packets  atomic.Int64
	left     [16]atomic.Int64 // by slot: how often its member was about to leave
}

func TestWorkersOnTinyTablesAreAsTheModelSays(t *testing.T) {
	for name, flows := range map[string]int{"one bucket": 1, "three buckets": 18, "six buckets": 36} {
		t.Run(name, func(t *testing.T) {
			c := &sharedTable{router: newRouter(t, modelConfig(flows), "a", "b", "c")}
			c.clock.Store(int64(c.now))
			todo := int64(steps(t, 150_000))
			var all []*modelWorker
			for n := range uint64(workers) {
				all = append(all, c.newWorker(n))
			}
			// What becomes of packets depends on how workers take turns: the run
			// goes on until each kind has come.
			for done := false; !done && c.packets.Load() < 20*todo && !t.Failed(); {
				c.run(all)
				stats := c.table.Stats()
				done = c.packets.Load() >= todo &&
					min(stats.Evicted, stats.Refused, stats.Moved, stats.Detoured) > 0
			}
			checked := int64(0)
			for _, h := range all {
				checked += h.checked
			}
			t.Logf("%d of %d packets checked, %+v", checked, c.packets.Load(), c.table.Stats())
			assert.Greater(t, checked, c.packets.Load()/2)
			stats := c.table.Stats()
			assert.Positive(t, stats.Evicted)
			assert.Positive(t, stats.Refused)
			assert.Positive(t, stats.Moved)
			assert.Positive(t, stats.Detoured)
		})
	}
}

// run lets all workers work, and a sweeper. A run takes less than 40 ticks:
// nobody's clock may be 64 behind another's.
func (c *sharedTable) run(workers []*modelWorker) {
	var working, sweeping sync.WaitGroup
	var end atomic.Bool
	for _, h := range workers {
		working.Go(func() { h.work(2000) })
	}
	sweeping.Go(func() {
		for !end.Load() {
			c.table.SweepBuckets(time.Duration(c.clock.Load()), 1)
		}
	})
	working.Wait()
	end.Store(true)
	sweeping.Wait()
}

// countAndChange counts packets. Whoever completes another 300 of them changes
// something, while the others go on.
func (c *sharedTable) countAndChange(packets int, rng *rand.Rand) {
	n := c.packets.Add(int64(packets))
	if n/300 == (n-int64(packets))/300 {
		return
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	c.changes.Add(1)
	defer c.changes.Add(1)
	switch n := rng.IntN(20); {
	case n < 4:
		ids := [][]string{{"a", "b", "c"}, {"a", "c", "d"}, {"b", "d"}}
		for i := range c.view().All() {
			c.left[c.view().Slot(i)].Add(1)
		}
		if members := selector.Equal(ids[rng.IntN(len(ids))]...); rng.IntN(2) == 0 {
			hops := hopsOf(members)
			hops[rng.IntN(len(hops))].Backup = true
			if drained := rng.IntN(len(hops)); rng.IntN(2) == 0 {
				hops[drained].Weight = 0
				c.setHops(hops...)
				c.release(int32(drained))
				return
			}
			c.setHops(hops...)
		} else {
			c.updateAt(c.view().Version()+1, members...)
		}
	case n < 6:
		c.setStrategy(rng)
	case n < 7:
		c.group.Settle(c.view().Version())
	case n < 10:
		id, down := string(rune('a'+rng.IntN(4))), rng.IntN(3) == 0
		if rng.IntN(2) == 0 {
			c.group.Mark(id).SetDown(down)
		} else {
			c.domain.Mark(id).SetDown(down)
		}
	default:
		c.clock.Add(rng.Int64N(int64(12 * time.Millisecond)))
	}
}

// release releases a drained member for so long that no flow moves meanwhile.
// The release ends while workers route, when the sweeper finds that the next
// change ended the drain.
func (c *sharedTable) release(member int32) {
	c.table.Release(c.view(), member, flowcache.ReleaseConfig{Deadline: time.Hour}, time.Duration(c.clock.Load()))
}

// A modelWorker is a worker of a sharedTable.
type modelWorker struct {
	*sharedTable
	sticky *flowcache.Sticky
	model  *sticky.Model
	rng    *rand.Rand
	flows  [20]uint64
	next   uint64

	left    [16]int64 // as seen last
	checked int64     // packets
}

func (c *sharedTable) newWorker(n uint64) *modelWorker {
	h := &modelWorker{sharedTable: c, sticky: flowcache.NewSticky(c.table), model: sticky.New(modelConfig(1)),
		rng: rand.New(rand.NewPCG(n, 2)), next: n << 32}
	h.model.Config.Domain, h.model.Shared = c.domain, true
	for i := range h.flows {
		h.flows[i] = h.next
		h.next++
	}
	return h
}

// work routes packets, in bursts and one by one, and checks those that it can.
func (h *modelWorker) work(n int) {
	flags := []hash.TCPFlags{hash.SYN, hash.ACK, hash.ACK, hash.ACK, hash.ACK, hash.ACK, hash.ACK,
		hash.FIN | hash.ACK, 0}
	for n > 0 {
		before, now, view := h.changes.Load(), time.Duration(h.clock.Load()), h.view()
		seen := h.left
		for s := range h.left {
			h.left[s] = h.sharedTable.left[s].Load()
		}
		h.model.Expose(func(s selector.Slot) bool { return h.left[s] != seen[s] })
		packets := make([]flowcache.Packet, 1+h.rng.IntN(6)*h.rng.IntN(2))
		used := make([]int, len(packets))
		for i := range packets {
			used[i] = h.rng.IntN(len(h.flows))
			packets[i] = packet(view, h.flows[used[i]], 6, flags[h.rng.IntN(len(flags))]).Packet
			if h.rng.IntN(10) == 0 {
				packets[i].Mode = flowcache.LookupOnly
			}
		}
		routes := make([]flowcache.Route, len(packets))
		if len(packets) == 1 {
			routes[0] = h.sticky.Route(packets[0], view, now)
		} else {
			h.sticky.RouteBatch(routes, packets, []*selector.View{view}, now)
		}
		n -= len(packets)
		var wrong error
		for i := range packets {
			if err := h.model.Check(&packets[i], view, now, routes[i]); wrong == nil {
				wrong = err
			}
		}
		if before%2 == 0 && h.changes.Load() == before {
			if wrong != nil {
				h.t.Error(wrong)
				return
			}
			h.checked += int64(len(packets))
		} else {
			for i := range packets {
				delete(h.model.Pins, packets[i].Digest)
				h.flows[used[i]] = h.next
				h.next++
			}
		}
		h.countAndChange(len(packets), h.rng)
	}
}
