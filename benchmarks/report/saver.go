package main

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/measure"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// peakMemory is the setting of an origin that says what its run had at most.
const peakMemory = "peak memory"

// A saver writes cases into a directory as they are finished. Writing takes a
// twentieth of the time at most: a run that is killed loses what it finished
// in the last moments, one that is interrupted or terminated loses nothing.
type saver struct {
	mu     sync.Mutex
	dir    string
	origin results.Origin
	run    *results.Run
	rank   func(name string) int
	ended  []results.Case // of suites that ended, in the order of their cases
	open   []results.Case // of the suite that is measured, as they were finished
	last   time.Time      // when it was written
	took   time.Duration  // what that took
	failed error
}

func newSaver(dir string, origin results.Origin, r *results.Run) *saver {
	return &saver{dir: dir, origin: origin, run: r, rank: order()}
}

// finished takes cases of a suite that has not ended.
func (s *saver) finished(cases ...results.Case) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, cases...)
	if time.Since(s.last) >= 20*s.took {
		s.failed = s.save()
	}
}

// suiteEnds takes all cases of a suite, or none where it failed: then those
// stay that were finished. It returns what failed so far.
func (s *saver) suiteEnds(cases []results.Case) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(cases) == 0 {
		cases = s.open
	}
	s.ended, s.open = append(s.ended, cases...), nil
	if s.failed != nil || len(cases) == 0 {
		return s.failed
	}
	return s.save()
}

func (s *saver) count() int { return len(s.ended) + len(s.open) }

// save merges what is finished into the run, and writes it.
func (s *saver) save() error {
	began := time.Now()
	if peak := measure.Peak(); peak != "" {
		s.origin.Settings[peakMemory] = peak
	}
	s.run.Merge(s.origin, append(slices.Clip(s.ended), s.open...), s.rank)
	err := s.run.Save(s.dir)
	s.last = time.Now()
	s.took = s.last.Sub(began)
	return err
}

// onSignal ends the program when it is interrupted or terminated: it writes
// what is finished, and removes a folder. The answer stops that.
func (s *saver) onSignal(folder string) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over := make(chan struct{})
	go func() {
		select {
		case <-signals:
			os.Exit(s.interrupted(folder))
		case <-over:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(over)
	}
}

// interrupted writes what is finished, and returns the code to exit with.
func (s *saver) interrupted(folder string) int {
	s.mu.Lock() // for good: nothing is written after it
	if folder != "" {
		_ = os.RemoveAll(folder) // what is left is temporary
	}
	if s.count() == 0 {
		fmt.Fprintln(os.Stderr, "report: stopped before a case was finished")
		return 1
	}
	if err := s.save(); err != nil {
		fmt.Fprintln(os.Stderr, "report: stopped, and what was finished can't be written:", err)
		return 1
	}
	fmt.Fprintf(os.Stderr, "report: stopped; the %d cases that were finished are in %s: -draw %s makes the page"+
		" of them, -only and -into %s measure more\n", s.count(), s.dir, s.dir, s.dir)
	return 1
}
