package cluster

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// TestPlacedFlowsNeverWait fills the ring of a worker that nobody empties.
func TestPlacedFlowsNeverWait(t *testing.T) {
	s := newSharing(t)
	w := &PinsWorker{roll: s.from.sharer.memory.roll}
	v := s.from.group.Load().View()
	packets := make([]flowcache.Packet, 32)
	routes := make([]flowcache.Route, 32)
	for i := range routes {
		routes[i].Verdict = flowcache.Placed
	}
	views := []*selector.View{v}
	w.Routed(routes, packets, views)
	_, ok := w.next()
	require.False(t, ok, "nobody wants to know")
	w.open.Store(true)
	assert.Zero(t, testing.AllocsPerRun(ringSize/32, func() { w.Routed(routes, packets, views) }))
	assert.EqualValues(t, 32, w.dropped.Load(), "AllocsPerRun runs once more than it counts")
	n := 0
	for _, ok := w.next(); ok; _, ok = w.next() {
		n++
	}
	assert.Equal(t, ringSize, n)
	routes[0].Verdict, routes[1].Verdict = flowcache.Pinned, flowcache.Refused
	w.Routed(routes, packets, views)
	for n = 0; ; n++ {
		if _, ok := w.next(); !ok {
			break
		}
	}
	assert.Equal(t, 30, n, "only what was placed is told")
}

// TestObserversOutliveRun ends Run while a planned change waits for another
// gateway, and changes the group on.
func TestObserversOutliveRun(t *testing.T) {
	list := living(t, 1, 1000, true, nil)
	g := list[0]
	update(t, list, false, members(0, 3))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	g.pins.sharer.expected = func(string) []string { return []string{"slow"} }
	g.pins.Share(g.membership, ShareDeviating)
	ended := make(chan error)
	go func() { ended <- g.pins.Run(ctx) }()
	planned := make(chan error)
	go func() {
		o, err := g.membership.UpdatePlanned(context.Background(), members(3, 4))
		if err == nil && o.Silent != nil {
			err = fmt.Errorf("silent: %v", o.Silent)
		}
		planned <- err
	}()
	soon(t, "the plan is prepared", g.worker.open.Load)
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, <-planned)
	assert.False(t, g.worker.open.Load(), "nobody collects placed flows")
	for i := 4; i < 8; i++ {
		update(t, list, i%2 == 0, members(i, i+1))
	}
	g.pins.Worker()
	assert.Empty(t, g.pins.calls)
	require.ErrorIs(t, g.pins.Run(context.Background()), ErrClosed)
}

// TestWorkersRouteBesidePins has workers route without a pause while pins are
// shared: each Sticky is of one goroutine, which the race detector checks.
func TestWorkersRouteBesidePins(t *testing.T) {
	list := living(t, 2, 20_000, false, nil)
	update(t, list, false, members(0, 5))
	was := list[0].establish(0, 5000)
	var running sync.WaitGroup
	var stop atomic.Bool
	for _, g := range list {
		w := g.newWorker()
		require.NotSame(t, w.Sticky, g.pins.sharer.importer)
		running.Go(func() {
			for n := uint64(0); !stop.Load(); n++ {
				from, v := 1<<20+n*64%2048, g.membership.View()
				w.send(v, from, from+64, hash.SYN, nil)
				w.send(v, from, from+64, hash.ACK, nil)
			}
		})
	}
	for i := 5; i < 8; i++ {
		update(t, list, true, members(i, i+1))
	}
	stop.Store(true)
	running.Wait()
	for _, g := range list {
		assert.Zero(t, g.changed(0, was))
	}
}
