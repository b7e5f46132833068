package flowcache_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// TestImporterChangesTheStrategyOfALiveGroup goes from Maglev to Bounded, to
// another size of the table, to Anchor and back while four workers route: of
// 10,000 established flows none changes its member.
func TestImporterChangesTheStrategyOfALiveGroup(t *testing.T) {
	const flows, workers = 10_000, 4
	domain := selector.NewDomain()
	group, err := selector.NewGroup[string](domain, selector.GroupConfig{Name: "vip", Strategy: selector.Maglev{}})
	require.NoError(t, err)
	var hops []selector.Hop[string]
	for i := range 10 {
		hops = append(hops, selector.Hop[string]{ID: fmt.Sprint("pod", i), Weight: 1})
	}
	_, err = group.Update(hops)
	require.NoError(t, err)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: 2 * flows})
	require.NoError(t, err)

	// owner[i] is the member of flow i as long as it lives.
	owner := make([]string, flows)
	pass := func(sticky *flowcache.Sticky, first, end int, flags hash.TCPFlags, visit func(i int, member string,
		v flowcache.Verdict)) {
		packets, routes := make([]flowcache.Packet, 32), make([]flowcache.Route, 32)
		for at := first; at < end; at += len(packets) {
			view := group.Load().View()
			n := min(len(packets), end-at)
			for k := range n {
				packets[k] = flowcache.NewPacket(&hash.Flow{Hash: mix(uint64(at + k)), Proto: hash.TCP, Flags: flags},
					view.Salt(), 0)
			}
			sticky.RouteBatch(routes[:n], packets[:n], []*selector.View{view}, second)
			for k, r := range routes[:n] {
				visit(at+k, view.Member(r.Member).ID, r.Verdict)
			}
		}
	}
	sticky := flowcache.NewSticky(table)
	pass(sticky, 0, flows, hash.SYN, func(i int, member string, _ flowcache.Verdict) { owner[i] = member })
	pass(sticky, 0, flows, hash.ACK, func(int, string, flowcache.Verdict) {})

	var done atomic.Bool
	var changed, passes, placed atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			sticky := flowcache.NewSticky(table)
			for n := 0; !done.Load(); n++ {
				pass(sticky, w*flows/workers, (w+1)*flows/workers, hash.ACK,
					func(i int, member string, v flowcache.Verdict) {
						if member != owner[i] || v != flowcache.Pinned {
							changed.Add(1)
						}
					})
				passes.Add(1)
				// new flows come all the time
				first := flows + 100*(workers*n+w)%flows
				pass(sticky, first, first+100, hash.SYN, func(_ int, _ string, v flowcache.Verdict) {
					if v == flowcache.Placed {
						placed.Add(1)
					}
				})
			}
		})
	}
	// moves is how many hashes of flows a strategy places elsewhere.
	moves := 0
	for range 2 {
		for _, s := range []selector.Strategy{selector.Bounded{}, selector.Bounded{Slots: 1 << 14, Seed: 7},
			selector.Anchor{}, selector.Maglev{Size: 2039}, selector.Maglev{}} {
			until := passes.Load() + workers
			for passes.Load() < until { // traffic goes on between changes
				runtime.Gosched()
			}
			before := group.Load()
			after, err := group.SetStrategy(s)
			require.NoError(t, err)
			moves += after.Diff(before).Moved
			for i := range before.All() {
				assert.Equal(t, before.Slot(i), after.Slot(i))
			}
		}
	}
	until := passes.Load() + 2*workers
	for passes.Load() < until {
		runtime.Gosched()
	}
	done.Store(true)
	wg.Wait()
	assert.Zero(t, changed.Load(), "flows that changed their member, or lost their pin")
	assert.Positive(t, moves, "the strategies place differently")
	assert.Positive(t, placed.Load())
	stats := table.Stats()
	assert.Zero(t, stats.Moved+stats.Rebalanced+stats.Refused)
}

// With changes that several routers make, a flow without a pin stays too.
func TestSetStrategyAtMovesNoOlderFlow(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b", "c", "d")
	was := r.view()
	_, err := r.group.SetStrategyAt(7, selector.Maglev{})
	require.NoError(t, err)
	changed := 0
	for flow := range uint64(1000) {
		p := packet(was, flow, hash.TCP, 0)
		want := was.Member(was.Select(p.hash())).ID
		r.expect(flow, hash.ACK, want, flowcache.Placed)
		if r.view().Member(r.view().Select(p.hash())).ID != want {
			changed++
		}
	}
	assert.Greater(t, changed, 500)
}

func TestLookUpsAllocateNothingBesideAPreviousView(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b", "c", "d")
	_, err := r.group.SetStrategyAt(7, selector.Maglev{})
	require.NoError(t, err)
	view, flow := r.view(), uint64(0)
	packets, views := make([]flowcache.Packet, 32), []*selector.View{view}
	routes := make([]flowcache.Route, len(packets))
	assert.Zero(t, testing.AllocsPerRun(50, func() {
		for i := range packets {
			flow++
			packets[i] = flowcache.NewPacket(&hash.Flow{Hash: flow << 40, Proto: hash.TCP, Flags: hash.ACK},
				view.Salt(), 0)
		}
		r.RouteBatch(routes, packets, views, r.now)
	}))
}
