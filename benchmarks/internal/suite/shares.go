package suite

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Shares is how near shares come to the weights.
func Shares() Suite {
	return Suite{
		Name:  "Shares",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			for _, s := range size.placements() {
				for _, n := range []int{8, 100} {
					if s.EqualOnly {
						continue
					}
					name := fmt.Sprintf("strategy=%s/n=%d/weights=1:2:3:10", s.Name, n)
					cases = append(cases, Case{name, func() (*Work, error) { return sharesWork(s, n, size.Shares) }})
				}
			}
			return cases
		},
	}
}

func sharesWork(s subject.Strategy, n, hashes int) (*Work, error) {
	members := subject.Members(n, 1, 2, 3, 10)
	built, err := selector.New(s, members)
	if err != nil {
		return nil, err
	}
	w, err := buildWork(s, members)
	if err != nil {
		return nil, err
	}
	var b metrics.Balance
	switch built := built.(type) {
	case selector.Tabled:
		b, hashes = metrics.Slots(built, members).Balance(), 0
	default:
		b = metrics.Sampled(subject.Batched(built), members, hashes)
	}
	w.Figures = results.Exact(numbers{
		"peak-to-mean": b.PeakToMean, "low-to-mean": b.LowToMean, "rms-error": b.RMSError, "hashes": float64(hashes),
	})
	return w, nil
}
