package flowcache_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// BenchmarkDeviating times the scan of a million pins after a member joined,
// for every strategy.
func BenchmarkDeviating(b *testing.B) {
	const pins, ahead = 1_000_000, 64
	for _, row := range catalog.All() {
		for _, n := range []int{10, 100} {
			b.Run(fmt.Sprintf("%s/members=%d", row.Name, n), func(b *testing.B) {
				d := selector.NewDomain()
				table, err := flowcache.NewTable(flowcache.Config{Domain: d, Flows: pins})
				require.NoError(b, err)
				group, err := selector.NewGroup[int](d, selector.GroupConfig{Name: "vip", Strategy: row.Strategy})
				require.NoError(b, err)
				hops := make([]selector.Hop[int], n+1)
				for i := range hops {
					hops[i] = selector.Hop[int]{ID: fmt.Sprint(i), Weight: 1}
				}
				s, err := group.Update(hops[:n])
				require.NoError(b, err)
				rng, sticky, views := rand.New(rand.NewPCG(1, 2)), flowcache.NewSticky(table),
					[]*selector.View{s.View()}
				packets, routes := make([]flowcache.Packet, ahead), make([]flowcache.Route, ahead)
				for range pins / ahead {
					for i := range packets {
						packets[i] = flowcache.Packet{Digest: rng.Uint64(), Flags: hash.SYN, Class: flowcache.ClassTCP}
					}
					sticky.RouteBatch(routes, packets, views, 0)
				}
				s, err = group.Update(hops)
				require.NoError(b, err)
				scan := flowcache.Scan{View: s.View(), To: table.Buckets()}
				deviating := 0
				for b.Loop() {
					deviating = 0
					for range table.Deviating(scan, 0) {
						deviating++
					}
				}
				b.ReportMetric(float64(deviating), "pins")
			})
		}
	}
}
