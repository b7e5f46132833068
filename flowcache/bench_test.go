package flowcache_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// BenchmarkRoute times packets of established flows, in bursts of 32 and one by
// one. The flows are spread over a table that is as full as it is made for.
func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		d := selector.NewDomain()
		table, err := flowcache.NewTable(flowcache.Config{Domain: d, Flows: n})
		require.NoError(b, err)
		group, err := selector.NewGroup[int](d, selector.GroupConfig{Name: "vip", Strategy: selector.Maglev{}})
		require.NoError(b, err)
		hops := make([]selector.Hop[int], 10)
		for i := range hops {
			hops[i].ID, hops[i].Weight = fmt.Sprint(i), 1
		}
		s, err := group.Update(hops)
		require.NoError(b, err)
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		packets := make([]flowcache.Packet, n)
		for i := range packets {
			packets[i] = flowcache.Packet{Digest: rng.Uint64(), Flags: hash.ACK, Class: flowcache.ClassTCP}
		}
		routes, views := make([]flowcache.Route, 32), []*selector.View{s.View()}
		sticky := flowcache.NewSticky(table)
		bursts := func() {
			for at := 0; at+32 <= n; at += 32 {
				sticky.RouteBatch(routes, packets[at:at+32], views, 0)
			}
		}
		bursts()
		bursts()
		b.Run(fmt.Sprintf("flows=%d/batch=32", n), func(b *testing.B) {
			for b.Loop() {
				bursts()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/packet")
		})
		b.Run(fmt.Sprintf("flows=%d/batch=1", n), func(b *testing.B) {
			for b.Loop() {
				for i := range packets {
					sticky.Route(packets[i], views[0], 0)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/packet")
		})
	}
}
