package suite

import (
	"fmt"
	"math"
	"sync"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// sampleSize is how many hashes are placed to see how even the load is.
const sampleSize = 1 << 20

// Balance is how even the load is.
func Balance() Suite {
	return Suite{
		Name:  "Balance",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
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
							var l loads
							var built selector.Selector
							for i := range size.Draws {
								members := subject.Set(size.Seed(i)).Members(n, w.weights...)
								var err error
								if built, err = selector.New(s.Strategy, members); err != nil {
									return nil, err
								}
								l.add(built, members, subject.Hashes(size.Seed(i)+1, sampleSize), volumes())
							}
							lookup := subject.One(built)
							return &Work{
								Items: subject.KeyCount, Pass: func() { lookup(keys()) }, Figures: l.figures(),
							}, nil
						}})
					}
				}
			}
			return cases
		},
	}
}

// loads are the loads of members, of one draw after another.
type loads struct {
	draws map[string][]float64
	noise float64 // the mean square error that the sample alone has; 0: of all slots of a table
}

// add adds a draw. Where there is a table, all of its slots are counted, else
// the hashes are. Volumes, if there are any, are those of the hashes' traffic.
func (l *loads) add(s selector.Selector, members []selector.Member, hashes []uint64, volumes []float64) {
	if l.draws == nil {
		l.draws = map[string][]float64{}
	}
	add := func(unit string, v float64) { l.draws[unit] = append(l.draws[unit], v) }
	t, tabled := s.(selector.Tabled)
	var sample metrics.Placement
	if !tabled || volumes != nil {
		sample = metrics.Place(s, members, hashes)
	}
	if volumes != nil {
		zipf := sample.Traffic(volumes)
		add("zipf-peak-to-mean", zipf.PeakToMean)
		add("zipf-rms-error", zipf.RMSError)
	}
	exact := sample
	if tabled {
		exact = metrics.Slots(t, members)
	}
	b := exact.Balance()
	add("peak-to-mean", b.PeakToMean)
	add("low-to-mean", b.LowToMean)
	if tabled {
		add("rms-error", b.RMSError)
		return
	}
	add("chi-square", b.ChiSquare)
	l.noise = sample.Noise()
	add("rms-error", b.RMSError*b.RMSError-l.noise)
}

// figures are the means of the draws. The deviation is without that of the
// sample: of the mean of squares, what a fair placement has is taken off.
func (l *loads) figures() map[string]results.Figure {
	figures := means(l.draws)
	if l.noise == 0 {
		return figures
	}
	square := figures["rms-error"]
	root := func(v float64) float64 { return math.Sqrt(max(0, v)) }
	f := results.Figure{
		Value: root(square.Value), Draws: square.Draws, Least: root(square.Least), Most: root(square.Most),
	}
	f.Interval = root(max(0, square.Value)+square.Interval) - f.Value
	figures["rms-error"], figures["noise"] = f, results.Figure{Value: math.Sqrt(l.noise)}
	return figures
}
