package selector_test

import (
	"fmt"
	"testing"

	"github.com/ecmp-go/ecmp/selector"
)

// BenchmarkDown is a look-up of a view of 1,000 members, some of which are
// down: the average of a million random hashes, from the first after the change
// on. So it has the first look-ups, which find heirs, and leaves out the calls
// of SetDown. With -short, which only shows that it runs, ten thousand hashes.
//
//	go test -run '^$' -bench Down -benchtime 1x ./selector
func BenchmarkDown(b *testing.B) {
	const members = 1000
	lookups := 1_000_000
	if testing.Short() {
		lookups = 10_000
	}
	hashes := make([]uint64, lookups)
	for i := range hashes {
		hashes[i] = (uint64(i) + 1) * 0x9e3779b97f4a7c15
		hashes[i] = (hashes[i] ^ hashes[i]>>32) * 0xd6e8feb86659fd93
	}
	forStrategies(b, func(b *testing.B, s selector.Strategy, group []selector.Member) {
		if len(group) != members {
			b.Skip("of 1,000 members only")
		}
		for _, down := range []int{0, 1, 10, 100, 500, 900, 990, 999, 1000} {
			b.Run(fmt.Sprintf("down=%d", down), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					d := selector.NewDomain()
					g, err := selector.NewGroup[string](d, selector.GroupConfig{Strategy: s})
					if err != nil {
						b.Fatal(err)
					}
					snapshot, err := g.Update(hops(group...))
					if err != nil {
						b.Fatal(err)
					}
					v := snapshot.View()
					for i := range down {
						d.Mark(group[i*7%members].ID).SetDown(true)
					}
					b.StartTimer()
					for _, h := range hashes {
						v.Select(h)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lookups), "ns/hash")
			})
		}
	})
}
