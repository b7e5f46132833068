package benchmarks_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// BenchmarkBalance reports how even the load is, with equal and with unequal weights. Timed are look-ups in bursts, one
// operation is one hash.
func BenchmarkBalance(b *testing.B) {
	hashes, keys := subject.Hashes(1, sampleSize), subject.RandomKeys(2)
	for _, s := range subject.Strategies() {
		for _, n := range subject.Sizes() {
			for _, w := range []struct {
				name    string
				weights []uint32
			}{
				{"equal", []uint32{1}},
				{"1:2:3:10", []uint32{1, 2, 3, 10}},
			} {
				members := subject.Members(n, w.weights...)
				built := sync.OnceValue(func() selector.Selector { return build(b, s, members) })
				sampled := sync.OnceValue(func() metrics.Balance { return metrics.Place(built(), members, hashes).Balance() })
				b.Run(fmt.Sprintf("strategy=%s/n=%d/weights=%s", s.Name, n, w.name), func(b *testing.B) {
					balance, lookup := sampled(), batches(b, built())
					passes(b, subject.KeyCount, func() int { return lookup(keys) })
					b.ReportMetric(balance.PeakToMean, "peak-to-mean")
					b.ReportMetric(balance.RMSError, "rms-error")
					if t, ok := built().(selector.Tabled); ok {
						exact := metrics.Slots(t, members).Balance()
						b.ReportMetric(exact.PeakToMean, "table-peak-to-mean")
						b.ReportMetric(exact.RMSError, "table-rms-error")
					}
				})
			}
		}
	}
}
