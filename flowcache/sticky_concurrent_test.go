package flowcache_test

import (
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

const workers = 4

// routeAll lets every worker route one packet of each flow, all at once, and
// counts the verdicts.
func (r *router) routeAll(flags hash.TCPFlags) (verdicts [flowcache.NumVerdicts]int64) {
	var wg sync.WaitGroup
	var counts [flowcache.NumVerdicts]atomic.Int64
	for range workers {
		wg.Go(func() {
			s := flowcache.NewSticky(r.table)
			for f := range uint64(flows) {
				p := packet(r.view(), f, 6, flags)
				counts[s.Route(p.Packet, p.View, r.now).Verdict].Add(1)
			}
		})
	}
	wg.Wait()
	for v := range verdicts {
		verdicts[v] = counts[v].Load()
	}
	return verdicts
}

func TestWorkersAgreeOnOnePinAFlowAndReportAMoveOnce(t *testing.T) {
	for range 10 {
		r := newRouter(t, flowcache.Config{}, "a", "b", "c", "d")
		v := r.view()
		r.routeAll(hash.SYN)
		pins := 0
		for i := range v.All() {
			pins += r.table.Pins(v.Slot(i))
		}
		require.Equal(t, flows, pins)

		verdicts := r.routeAll(hash.ACK)
		require.EqualValues(t, workers*flows, verdicts[flowcache.Pinned])
		require.EqualValues(t, flows, r.table.Stats().Promoted)

		lost := r.table.Pins(v.Slot(0))
		r.set(selector.Equal("b", "c", "d")...)
		verdicts = r.routeAll(hash.ACK)
		require.EqualValues(t, lost, verdicts[flowcache.Moved])
		require.EqualValues(t, workers*flows-lost, verdicts[flowcache.Pinned])
	}
}

// TestEverythingAtOnce routes, in bursts and one by one, while members join and
// leave, are marked, swept and saved. The members that stay keep their flows
// throughout, although workers work with views of different age.
func TestEverythingAtOnce(t *testing.T) {
	const together = 20 // of a kind in a burst, which takes two
	r := newRouter(t, flowcache.Config{}, "stay1", "stay2")
	member := make(map[uint64]string)
	for f := range uint64(flows) {
		member[f] = r.connect(f)
	}
	var stop atomic.Bool
	var side, routing sync.WaitGroup
	background := func(work func(n int)) {
		side.Go(func() {
			for n := 0; !stop.Load(); n++ {
				work(n)
			}
		})
	}
	background(func(n int) {
		guests := [][]string{{"stay1", "stay2", "x"}, {"stay1", "stay2", "x", "y"}, {"stay1", "stay2"}}
		r.set(selector.Equal(guests[n%3]...)...)
	})
	background(func(n int) { r.domain.Mark("x").SetDown(n%2 == 0) })
	background(func(int) { r.table.SweepBuckets(r.now, 100) })
	background(func(int) { _ = r.table.Save(io.Discard, 0, r.now) })
	for w := range uint64(workers) {
		routing.Go(func() {
			s := flowcache.NewSticky(r.table)
			packets, routes := make([]flowcache.Packet, 2*together), make([]flowcache.Route, 2*together)
			for round := range uint64(6) {
				v := r.view()
				for first := uint64(0); first < flows; first += together {
					for i := range uint64(together) {
						packets[2*i] = packet(v, first+i, 6, hash.ACK).Packet
						// new flows come and fill the table
						packets[2*i+1] = packet(v, flows+(w*6+round)*flows+first+i, 17, 0).Packet
					}
					if round%2 == 0 {
						s.RouteBatch(routes, packets, []*selector.View{v}, r.now)
					} else {
						for i := range packets {
							routes[i] = s.Route(packets[i], v, r.now)
						}
					}
					for i := range uint64(together) {
						old, young := routes[2*i], routes[2*i+1]
						if !assert.Equal(t, flowcache.Pinned, old.Verdict) || !assert.Equal(t, member[first+i],
							v.Member(old.Member).ID) ||
							!assert.NotEqual(t, flowcache.NoMember, young.Verdict) {
							return
						}
					}
				}
			}
		})
	}
	routing.Wait()
	stop.Store(true)
	side.Wait()
	assert.Positive(t, r.table.Stats().Evicted)
	assert.Positive(t, r.table.Stats().Relocated)
}
