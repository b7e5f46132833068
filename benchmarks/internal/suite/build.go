package suite

import (
	"fmt"
	"runtime"

	"github.com/dgryski/go-maglev"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// Build is the build of a selector.
func Build() Suite {
	return Suite{
		Name:  "Build",
		Cases: buildCases,
	}
}

func buildCases(size Size) (cases []Case) {
	add := func(name, impl string, construct func() (any, error)) {
		cases = append(cases, Case{name + "/impl=" + impl, func() (*Work, error) {
			bytes, err := Held(construct)
			if err != nil {
				return nil, err
			}
			return &Work{Items: 1, Figures: results.Exact(numbers{"held-bytes": bytes}), Pass: func() {
				if _, err := construct(); err != nil {
					panic(err) // it did not fail before
				}
			}}, nil
		}})
	}
	ours := func(name string, s subject.Strategy, members []selector.Member) {
		add(name, s.Impl(), func() (any, error) { return selector.New(s, members) })
	}
	for _, s := range size.strategies() {
		for _, n := range size.Curve {
			name, ids := fmt.Sprintf("strategy=%s/n=%d", s.Name, n), subject.IDs(n)
			ours(name, s, subject.Members(n, 1))
			if s.Name == "bounded" && n <= slowest {
				ours(name+"/weights=1:2:3:10", s, subject.Members(n, 1, 2, 3, 10))
			}
			if s.Name != "maglev" {
				continue
			}
			add(name, "go-maglev", func() (any, error) { return maglev.New(ids, maglev.SmallM), nil })
			if n <= 100 {
				add(name, "kkdai-maglev", func() (any, error) { return subject.KkdaiMaglev(ids), nil })
			}
			if n == 100 {
				name += fmt.Sprintf("/slots=%d", maglev.BigM)
				ours(name, subject.Strategy{Strategy: selector.Maglev{Size: maglev.BigM}}, subject.Members(n, 1))
				add(name, "go-maglev", func() (any, error) { return maglev.New(ids, maglev.BigM), nil })
			}
		}
	}
	return cases
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
