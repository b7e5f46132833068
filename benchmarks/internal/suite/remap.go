package suite

import (
	"fmt"
	"iter"
	"sync"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	// hashes that are placed to see what one change moves, and how even the
	// load is
	sampleSize = 1 << 20
	seriesSize = 1 << 14 // hashes that are placed after each of a series of changes
)

// Remap is what an event moves.
func Remap() Suite {
	return Suite{
		Name:  "Remap",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			hashes := sync.OnceValue(func() []uint64 { return subject.Hashes(1, sampleSize) })
			for _, s := range size.placements() {
				for _, n := range size.Members {
					for _, e := range events() {
						placed := hashes
						if e.series {
							placed = func() []uint64 { return hashes()[:seriesSize] }
						}
						slow := e.series && (n > 100 || s.Name == "kkdai-maglev")
						if e.drawn || slow || e.weights && s.EqualOnly {
							continue
						}
						changes := e.apply(subject.Members(n, 1), numbered())
						cases = append(cases, remap(s, n, e.name, placed, changes))
					}
				}
			}
			return cases
		},
	}
}

func remap(s subject.Strategy, n int, event string, hashes func() []uint64, changes iter.Seq[[]selector.Member]) Case {
	return Case{fmt.Sprintf("strategy=%s/n=%d/event=%s", s.Name, n, event), func() (*Work, error) {
		live, err := metrics.NewLive(s.Strategy, hashes())
		if err != nil {
			return nil, err
		}
		j, err := live.Follow(subject.Members(n, 1), changes)
		if err != nil {
			return nil, err
		}
		var after []selector.Member
		for after = range changes {
			break
		}
		w, err := buildWork(s, after)
		if err != nil {
			return nil, err
		}
		w.Figures = results.Exact(numbers{
			"moved-share": j.Moved, "forced-share": j.Forced, "collateral-share": j.Collateral,
			"disruption-ratio": j.Ratio(),
		})
		if j.Changes > 1 {
			w.Figures["displaced-share"] = results.Figure{Value: j.Ended}
		}
		return w, nil
	}}
}

// buildWork is the build of a selector.
func buildWork(s selector.Strategy, members []selector.Member) (*Work, error) {
	if _, err := selector.New(s, members); err != nil {
		return nil, err
	}
	return &Work{Items: 1, Pass: func() {
		if _, err := selector.New(s, members); err != nil {
			panic(err) // it did not fail before
		}
	}}, nil
}
