// Package measure runs suites: exact cases on all cores, timed ones in turns.
package measure

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// turnTime is how long a turn takes at least: long enough for the clock and for
// a stray interrupt. Sides of a contest take fewer turns, all as many, where
// they would take longer than blockTime in a block, with what is done between
// turns.
const (
	turnTime  = 25 * time.Millisecond
	blockTime = 4 * time.Second
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
	Workers  int            // goroutines for exact cases; 0: one a processor
	Progress io.Writer

	// Finished is told of cases as soon as they are finished, by one goroutine at
	// a time. It may be nil.
	Finished func(cases ...results.Case)
}

// Suite measures the cases of a suite that are wanted.
func (p Plan) Suite(s suite.Suite) (list []results.Case, err error) {
	began, count := time.Now(), 0
	done := func(cases ...results.Case) {
		if p.Finished != nil {
			p.Finished(named(s, cases)...)
		}
		for _, c := range cases {
			count++
			_, _ = fmt.Fprintf(p.Progress, "%6.0f s  %-10s %4d  %s\n",
				time.Since(began).Seconds(), s.Name, count, c.Name)
		}
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
	return named(s, list), nil
}

// named returns cases under their whole names.
func named(s suite.Suite, cases []results.Case) []results.Case {
	cases = slices.Clone(cases)
	for i := range cases {
		cases[i].Name = s.Name + "/" + cases[i].Name
	}
	return cases
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
func (p Plan) mostlyExact(s suite.Suite, done func(...results.Case)) ([]results.Case, error) {
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
// Figures are those that one core finds.
func (p Plan) exact(cases []suite.Case, done func(...results.Case)) ([]results.Case, error) {
	list, errs := make([]results.Case, len(cases)), make([]error, len(cases))
	next := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex
	for range cmp.Or(p.Workers, runtime.NumCPU()) {
		workers.Go(func() {
			for i := range next {
				w, err := prepared(cases[i])
				if err != nil {
					errs[i] = fmt.Errorf("%s: %w", cases[i].Name, err)
					continue
				}
				list[i] = results.Case{Name: cases[i].Name, Figures: w.Figures}
				mu.Lock()
				done(list[i])
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

// prepared prepares a case. Its code may panic: it may be of others, or yours.
func prepared(c suite.Case) (w *suite.Work, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return c.New()
}

// timed measures cases in contests: those that do the same work are prepared
// together, and they take turns, so that a busy machine slows all of them. Work
// on other cores beside is in the processor time alone.
func (p Plan) timed(cases []suite.Case, done func(...results.Case)) ([]results.Case, error) {
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
			done(list[i])
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
	turns := p.turns(runners)
	for block := range p.Blocks {
		for turn := range turns {
			for k := range runners {
				if (block+turn)%2 == 1 {
					k = len(runners) - 1 - k // neither is always the first
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

// turns returns how many each side of a contest has in a block.
func (p Plan) turns(runners []*runner) int {
	var round time.Duration
	for _, r := range runners {
		round += r.took
	}
	return max(1, min(p.Turns, int(blockTime/round)))
}

// A runner runs turns of a case.
type runner struct {
	*suite.Work
	passes int           // in a turn
	took   time.Duration // a turn, with its reset and the collection of garbage

	turns     int     // that were measured
	processor float64 // nanoseconds of an operation on all processors, the sum of the turns
}

// newRunner warms up, and finds out how many passes make a turn.
func newRunner(w *suite.Work) *runner {
	r := &runner{Work: w, passes: 1}
	r.turn()
	began := time.Now()
	once := time.Duration(r.turn() * float64(w.Items))
	r.took = max(time.Since(began), turnTime)
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
