// Package measure runs suites: exact cases on all cores, timed ones in turns.
package measure

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// turnTime is how long a turn takes at least: long enough for the clock and for
// a stray interrupt. A case whose pass takes longTime has one turn a block.
const (
	turnTime = 25 * time.Millisecond
	longTime = time.Second
)

// A Plan is how to measure.
type Plan struct {
	Size   suite.Size
	Blocks int
	// of each side in a block, whose time is that of the fastest: a neighbour
	// on the machine rarely disturbs all
	Turns    int
	Wanted   results.Filter // of the names of cases
	Layouts  *Layouts       // nil: all blocks are of this binary
	Progress io.Writer
}

// Suite measures the cases of a suite that are wanted.
func (p Plan) Suite(s suite.Suite) (list []results.Case, err error) {
	began, count := time.Now(), 0
	done := func(name string) {
		count++
		_, _ = fmt.Fprintf(p.Progress, "%6.0f s  %-10s %4d  %s\n", time.Since(began).Seconds(), s.Name, count, name)
	}
	switch {
	case s.Layouts && p.Layouts != nil && len(p.cases(s)) > 0:
		list, err = p.layouts(s, p.Layouts.run, done)
	case s.Exact:
		list, err = p.mostlyExact(s, done)
	default:
		list, err = p.timed(p.cases(s), done)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	for i := range list {
		list[i].Name = s.Name + "/" + list[i].Name
	}
	return list, nil
}

func (p Plan) cases(s suite.Suite) (wanted []suite.Case) {
	for _, c := range s.Cases(p.Size) {
		if p.Wanted.Match(s.Name + "/" + c.Name) {
			wanted = append(wanted, c)
		}
	}
	return wanted
}

// mostlyExact measures the cases of an exact suite: those whose time counts
// nevertheless come last.
func (p Plan) mostlyExact(s suite.Suite, done func(string)) ([]results.Case, error) {
	var exact, timed []suite.Case
	for _, c := range p.cases(s) {
		if s.TimeCounts(c.Name) {
			timed = append(timed, c)
		} else {
			exact = append(exact, c)
		}
	}
	list, err := p.exact(exact, done)
	if err != nil {
		return nil, err
	}
	times, err := p.timed(timed, done)
	return append(list, times...), err
}

// exact asks for the figures of cases whose time does not count, on all cores.
func (p Plan) exact(cases []suite.Case, done func(string)) ([]results.Case, error) {
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
				done(cases[i].Name)
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
// together, and they take turns, so that a busy machine slows all of them. Work
// on other cores beside is in the processor time alone.
func (p Plan) timed(cases []suite.Case, done func(string)) ([]results.Case, error) {
	list := make([]results.Case, len(cases))
	contests, order := map[string][]int{}, []string(nil)
	for i, c := range cases {
		name := results.Contest(c.Name)
		if contests[name] == nil {
			order = append(order, name)
		}
		contests[name] = append(contests[name], i)
	}
	for _, name := range order {
		if err := p.contest(cases, contests[name], list); err != nil {
			return nil, err
		}
		for _, i := range contests[name] {
			cases[i].New = nil // and with it what it keeps
			done(cases[i].Name)
		}
	}
	return list, nil
}

// contest lets the cases with these indices take turns.
func (p Plan) contest(cases []suite.Case, sides []int, list []results.Case) error {
	runners := make([]*runner, len(sides))
	for k, i := range sides {
		w, err := cases[i].New()
		if err != nil {
			return fmt.Errorf("%s: %w", cases[i].Name, err)
		}
		list[i], runners[k] = results.Case{Name: cases[i].Name, Figures: w.Figures}, newRunner(w)
	}
	runtime.GC()
	for block := range p.Blocks {
		for turn := range p.Turns {
			for k := range runners {
				if (block+turn)%2 == 1 {
					k = len(runners) - 1 - k // neither is always the first
				}
				if turn > 0 && runners[k].long {
					continue
				}
				c, ns := &list[sides[k]], runners[k].turn()
				if turn == 0 {
					c.NsPerOp = append(c.NsPerOp, ns)
				}
				c.NsPerOp[block] = min(c.NsPerOp[block], ns)
			}
		}
	}
	for _, r := range runners {
		if r.Close != nil {
			r.Close()
		}
	}
	for k, i := range sides {
		if r := runners[k]; r.processor > 0 {
			list[i].Figures = maps.Clone(list[i].Figures)
			if list[i].Figures == nil {
				list[i].Figures = map[string]results.Figure{}
			}
			list[i].Figures[results.Processor] = results.Figure{Value: r.processor / float64(r.turns)}
		}
	}
	return nil
}

// A runner runs turns of a case.
type runner struct {
	*suite.Work
	passes int // in a turn
	long   bool

	turns     int     // that were measured
	processor float64 // nanoseconds of an operation on all processors, the sum of the turns
}

// newRunner warms up, and finds out how many passes make a turn.
func newRunner(w *suite.Work) *runner {
	r := &runner{Work: w, passes: 1}
	r.turn()
	once := time.Duration(r.turn() * float64(w.Items))
	r.long = once > longTime
	if w.Reset == nil {
		r.passes = int(max(1, (turnTime+once-1)/max(once, 1)))
	}
	r.turns, r.processor = 0, 0
	return r
}

// turn returns the nanoseconds of one operation, and adds to those of all
// processors. It collects what its side leaves behind, and what its reset does:
// else a cycle of the garbage collector would slow the side whose turn is next.
func (r *runner) turn() float64 {
	heap := allocated()
	if r.Reset != nil {
		r.Reset()
	}
	heap = collect(heap)
	used, began := processorTime(), time.Now()
	for range r.passes {
		r.Pass()
	}
	took := time.Since(began)
	operations := float64(r.passes * r.Items)
	r.turns++
	r.processor += float64((processorTime() - used).Nanoseconds()) / operations
	collect(heap)
	return float64(took.Nanoseconds()) / operations
}
