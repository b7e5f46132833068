package suite

import (
	"fmt"
	"slices"
	"sync"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/scenario"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// Scenario is connections that live while the group changes.
func Scenario() Suite {
	return Suite{
		Name:  "Scenario",
		Exact: true,
		Cases: func(size Size) (cases []Case) {
			trace := sync.OnceValue(func() *scenario.Trace { return scenario.NewTrace(1) })
			for _, s := range subject.Strategies() {
				if len(size.Scenarios) > 0 && !slices.Contains(size.Scenarios, s.Name) {
					continue
				}
				for _, e := range scenario.Events() {
					for _, p := range scenario.Policies() {
						if p.Share && e.Roam == 0 {
							continue // there is nobody to share with
						}
						name := fmt.Sprintf("event=%s/policy=%s/strategy=%s", e.Name, p.Name, s.Name)
						cases = append(cases, Case{name, func() (*Work, error) { return playWork(trace(), e, s, p) }})
					}
				}
			}
			return cases
		},
	}
}

func playWork(t *scenario.Trace, e scenario.Event, s subject.Strategy, p scenario.Policy) (*Work, error) {
	o, err := scenario.Play(t, e, s.Strategy, p)
	if err != nil {
		return nil, err
	}
	return &Work{
		Items: len(t.Packets),
		Pass: func() {
			if _, err := scenario.Play(t, e, s.Strategy, p); err != nil {
				panic(err) // it did not fail before
			}
		},
		Figures: results.Exact(numbers{
			"exposed": float64(o.Exposed), "broken": float64(o.Broken), "lost": float64(o.Lost),
			"broken-share": share(o.Broken, o.Exposed), "lost-share": share(o.Lost, o.Exposed),
		}),
	}, nil
}
