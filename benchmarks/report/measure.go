package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// turnTime is how long a turn takes at least: long enough for the clock and for
// a stray interrupt.
const turnTime = 25 * time.Millisecond

// A plan is what to measure.
type plan struct {
	suites []suite.Suite
	size   suite.Size
	blocks int
	// of each side in a block, whose time is that of the fastest: a neighbour
	// on the machine rarely disturbs all
	turns    int
	quick    bool
	progress io.Writer
}

// measure runs the plan.
func (p plan) measure() (*results.Run, error) {
	began := time.Now()
	r := &results.Run{
		Date: began.UTC().Format(time.RFC3339), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPU: cpuid.CPU.BrandName, CPUs: runtime.NumCPU(), Modules: modules(),
	}
	for _, s := range p.suites {
		done := 0
		measured, err := p.suite(s, func(name string) {
			done++
			_, _ = fmt.Fprintf(p.progress, "%6.0f s  %-10s %4d  %s\n", time.Since(began).Seconds(), s.Name, done, name)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		for _, c := range measured {
			c.Name = s.Name + "/" + c.Name
			r.Cases = append(r.Cases, c)
		}
	}
	_, _ = fmt.Fprintf(p.progress, "%6.0f s  measured\n", time.Since(began).Seconds())
	return r, nil
}

func (p plan) suite(s suite.Suite, report func(string)) ([]results.Case, error) {
	switch {
	case s.Name == pipelineName:
		return p.engine(report)
	case s.Exact:
		return p.exact(s.Cases(p.size), report)
	}
	return p.timed(s.Cases(p.size), report)
}

// exact asks for the figures of cases whose time does not count, on all cores.
func (p plan) exact(cases []suite.Case, report func(string)) ([]results.Case, error) {
	list, errs := make([]results.Case, len(cases)), make([]error, len(cases))
	next := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex
	for range runtime.NumCPU() {
		workers.Go(func() {
			for i := range next {
				w, err := cases[i].New()
				if err != nil {
					errs[i] = fmt.Errorf("%s: %w", cases[i].Name, err)
					continue
				}
				list[i] = results.Case{Name: cases[i].Name, Figures: w.Figures}
				mu.Lock()
				report(cases[i].Name)
				mu.Unlock()
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// timed measures cases in contests: those that do the same work are prepared
// together, and they take turns, so that a busy machine slows all of them.
func (p plan) timed(cases []suite.Case, report func(string)) (list []results.Case, err error) {
	contests, order := map[string][]suite.Case{}, []string(nil)
	for _, c := range cases {
		name := suite.Contest(c.Name)
		if contests[name] == nil {
			order = append(order, name)
		}
		contests[name] = append(contests[name], c)
	}
	for _, name := range order {
		measured, err := p.contest(contests[name], report)
		if err != nil {
			return nil, err
		}
		list = append(list, measured...)
	}
	return list, nil
}

func (p plan) contest(cases []suite.Case, report func(string)) ([]results.Case, error) {
	list, runners := make([]results.Case, len(cases)), make([]*runner, len(cases))
	for i, c := range cases {
		w, err := c.New()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		list[i], runners[i] = results.Case{Name: c.Name, Figures: w.Figures}, newRunner(w)
	}
	runtime.GC()
	for block := range p.blocks {
		for turn := range p.turns {
			for i := range runners {
				if (block+turn)%2 == 1 {
					i = len(runners) - 1 - i // neither is always the first
				}
				ns := runners[i].turn()
				if turn == 0 {
					list[i].NsPerOp = append(list[i].NsPerOp, ns)
				}
				list[i].NsPerOp[block] = min(list[i].NsPerOp[block], ns)
			}
		}
	}
	for _, c := range cases {
		report(c.Name)
	}
	return list, nil
}

// A runner runs turns of a case.
type runner struct {
	*suite.Work
	passes int // in a turn
}

// newRunner warms up, and finds out how many passes make a turn.
func newRunner(w *suite.Work) *runner {
	r := &runner{w, 1}
	r.turn()
	if w.Reset == nil {
		once := time.Duration(r.turn() * float64(w.Items))
		r.passes = int(max(1, (turnTime+once-1)/max(once, 1)))
	}
	return r
}

// turn returns the nanoseconds of one operation.
func (r *runner) turn() float64 {
	if r.Reset != nil {
		r.Reset()
	}
	began := time.Now()
	for range r.passes {
		r.Pass()
	}
	return float64(time.Since(began).Nanoseconds()) / float64(r.passes*r.Items)
}

// modules returns the other libraries that are compiled in.
func modules() (list []results.Module) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	peers := []string{
		"github.com/Yiling-J/theine-go", "github.com/cespare/xxhash/v2", "github.com/dchest/siphash",
		"github.com/dgryski/go-jump",
		"github.com/dgryski/go-maglev", "github.com/dgryski/go-rendezvous", "github.com/edwingeng/doublejump",
		"github.com/elastic/go-freelru",
		"github.com/gopacket/gopacket", "github.com/kkdai/maglev", "github.com/maypok86/otter/v2",
		"github.com/phuslu/lru",
		"github.com/puzpuzpuz/xsync/v4", "github.com/zeebo/xxh3",
	}
	for _, m := range info.Deps {
		if slices.Contains(peers, m.Path) {
			list = append(list, results.Module{Path: m.Path, Version: m.Version})
		}
	}
	return list
}
