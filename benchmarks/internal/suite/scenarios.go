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
			draws := make([]draw, size.Draws)
			for i := range draws {
				draws[i] = newDraw(size.Seed(i))
			}
			for _, s := range size.strategies() {
				if len(size.Scenarios) > 0 && !slices.Contains(size.Scenarios, s.Name) {
					continue
				}
				for event, e := range scenario.Events(0) {
					for _, p := range scenario.Policies() {
						if p.Share && e.Roam == 0 {
							continue // there is nobody to share with
						}
						name := fmt.Sprintf("event=%s/policy=%s/strategy=%s", e.Name, p.Name, s.Name)
						cases = append(cases, Case{name, func() (*Work, error) { return playWork(draws, event, s, p) }})
					}
				}
			}
			return cases
		},
	}
}

// A draw is members and connections: the events with these members, and of each
// the connections that live across it.
type draw struct {
	events  []scenario.Event
	exposed []func() *scenario.Trace
}

func newDraw(seed uint64) draw {
	d := draw{events: scenario.Events(subject.Set(seed))}
	all := sync.OnceValue(func() *scenario.Trace { return scenario.NewTrace(seed) })
	for _, e := range d.events {
		d.exposed = append(d.exposed, sync.OnceValue(func() *scenario.Trace { return all().Exposed(e) }))
	}
	return d
}

func playWork(draws []draw, event int, s subject.Strategy, p scenario.Policy) (*Work, error) {
	figures := map[string][]float64{}
	add := func(unit string, v float64) { figures[unit] = append(figures[unit], v) }
	for _, d := range draws {
		o, err := scenario.Play(d.exposed[event](), d.events[event], s.Strategy, p)
		if err != nil {
			return nil, err
		}
		add("exposed", float64(o.Exposed))
		add("broken", float64(o.Broken))
		add("lost", float64(o.Lost))
		add("broken-share", share(o.Broken, o.Exposed))
		add("lost-share", share(o.Lost, o.Exposed))
	}
	last := draws[len(draws)-1]
	return &Work{
		Items: len(last.exposed[event]().Packets),
		Pass: func() {
			if _, err := scenario.Play(last.exposed[event](), last.events[event], s.Strategy, p); err != nil {
				panic(err) // it did not fail before
			}
		},
		Figures: means(figures),
	}, nil
}

// means returns the means of draws, by unit.
func means(draws map[string][]float64) map[string]results.Figure {
	figures := make(map[string]results.Figure, len(draws))
	for unit, list := range draws {
		figures[unit] = results.Mean(list)
	}
	return figures
}
