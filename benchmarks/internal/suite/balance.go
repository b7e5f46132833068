package suite

import (
	"fmt"
	"sync"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Balance is how even the load is.
func Balance() Suite {
	return Suite{
		Name:  "Balance",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			hashes := sync.OnceValue(func() []uint64 { return subject.Hashes(1, sampleSize) })
			volumes := sync.OnceValue(func() []float64 { return metrics.Zipf(sampleSize) })
			keys := sync.OnceValue(func() *subject.Keys { return subject.RandomKeys(2) })
			for _, s := range size.placements() {
				for _, n := range size.Members {
					for _, w := range []struct {
						name    string
						weights []uint32
					}{{"equal", []uint32{1}}, {"1:2:3:10", []uint32{1, 2, 3, 10}}} {
						if len(w.weights) > 1 && s.EqualOnly {
							continue
						}
						name := fmt.Sprintf("strategy=%s/n=%d/weights=%s", s.Name, n, w.name)
						cases = append(cases, Case{name, func() (*Work, error) {
							members := subject.Members(n, w.weights...)
							built, err := selector.New(s.Strategy, members)
							if err != nil {
								return nil, err
							}
							p := metrics.Place(built, members, hashes())
							lookup := subject.One(built)
							return &Work{
								Items: subject.KeyCount, Pass: func() { lookup(keys()) },
								Figures: balanceFigures(p, volumes(), built, members),
							}, nil
						}})
					}
				}
			}
			return cases
		},
	}
}

func balanceFigures(p metrics.Placement, volumes []float64, built selector.Selector,
	members []selector.Member) map[string]results.Figure {
	uniform, zipf := p.Balance(), p.Traffic(volumes)
	figures := numbers{
		"peak-to-mean": uniform.PeakToMean, "low-to-mean": uniform.LowToMean, "rms-error": uniform.RMSError,
		"chi-square": uniform.ChiSquare, "p": uniform.PValue,
		"zipf-peak-to-mean": zipf.PeakToMean, "zipf-rms-error": zipf.RMSError,
	}
	if t, ok := built.(selector.Tabled); ok {
		exact := metrics.Slots(t, members).Balance()
		figures["table-peak-to-mean"], figures["table-low-to-mean"], figures["table-rms-error"] = exact.PeakToMean,
			exact.LowToMean, exact.RMSError
	}
	return results.Exact(figures)
}
