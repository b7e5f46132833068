package suite

import (
	"fmt"
	"runtime"

	"github.com/dgryski/go-maglev"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Build is the build of a selector.
func Build() Suite {
	return Suite{
		Name:  "Build",
		About: "One operation is one build for equal members. held-bytes is what the selector keeps from the garbage collector.",
		LeftOut: "A history-dependent selector is built anew, not changed: a change costs about as much. What building allocates and frees " +
			"again: go test -bench shows it. go-rendezvous and the jump libraries build next to nothing and are not timed.",
		Cases: func(size Size) (cases []Case) {
			add := func(strategy, impl string, n int, construct func() (any, error)) {
				cases = append(cases, Case{fmt.Sprintf("strategy=%s/n=%d/impl=%s", strategy, n, impl),
					func() (*Work, error) {
						bytes, err := Held(construct)
						if err != nil {
							return nil, err
						}
						return &Work{Items: 1, Figures: map[string]float64{"held-bytes": bytes}, Pass: func() {
							if _, err := construct(); err != nil {
								panic(err) // it did not fail before
							}
						}}, nil
					}})
			}
			for _, s := range subject.Strategies() {
				for _, n := range size.Curve {
					members, ids := subject.Members(n, 1), subject.IDs(n)
					add(s.Name, "ecmp", n, func() (any, error) { return selector.New(s.Strategy, members) })
					if s.Name == "maglev" {
						add(s.Name, "go-maglev", n, func() (any, error) { return maglev.New(ids, maglev.SmallM), nil })
						if n <= 100 {
							add(s.Name, "kkdai-maglev", n, func() (any, error) { return subject.KkdaiMaglev(ids), nil })
						}
					}
				}
			}
			return cases
		},
	}
}

// Held returns how many bytes a thing that construct makes keeps from the
// garbage collector.
func Held(construct func() (any, error)) (float64, error) {
	bytes, err := heldBy(8, construct)
	if err == nil && bytes < 1<<14 {
		return heldBy(4096, construct) // small ones drown in what else comes and goes
	}
	return bytes, err
}

func heldBy(n int, construct func() (any, error)) (float64, error) {
	things := make([]any, n)
	before := live()
	for i := range things {
		var err error
		if things[i], err = construct(); err != nil {
			return 0, err
		}
	}
	after := live()
	runtime.KeepAlive(things)
	return float64(after-before) / float64(n), nil
}

func live() int64 {
	runtime.GC()
	runtime.GC() // what pools and finalizers held on to
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
