package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/measure"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

func newPlan(quick bool) measure.Plan {
	p := measure.Plan{Size: suite.Full(), Blocks: 10, Turns: 5, Progress: os.Stderr}
	if quick {
		p.Size, p.Blocks, p.Turns = suite.Quick(), 3, 1
	}
	return p
}

// measureInto measures, into a directory that is begun anew or added to. What
// is finished is there, though the run be stopped.
func measureInto(dir, only string, seeds, blocks int, quick, add bool) error {
	p := newPlan(quick)
	if blocks > 0 {
		p.Blocks = blocks
	}
	p.Size.Seeds = seeds
	p.Wanted = results.ParseFilter(only)
	var err error
	if p.Size.Extra, err = extras(p.Wanted); err != nil {
		return err
	}
	command := "go run ./benchmarks/report"
	if quick {
		command += " -quick"
	}
	if blocks > 0 {
		command += fmt.Sprintf(" -blocks %d", blocks)
	}
	if seeds != 0 {
		command += fmt.Sprintf(" -seeds %d", seeds)
	}
	if only != "" {
		command += " -only " + only
	}
	r := &results.Run{Quick: quick, Seeds: seeds}
	if add {
		old, err := results.Load(dir)
		switch {
		case err == nil && old.Seeds != seeds:
			return fmt.Errorf("the results in %s are of -seeds %d", dir, old.Seeds)
		case err == nil:
			r = old
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	folder := ""
	if !quick && blocks == 0 {
		if folder, err = os.MkdirTemp("", "report"); err != nil {
			return err
		}
		defer os.RemoveAll(folder) //nolint:errcheck // what is left is temporary
		p.Layouts = &measure.Layouts{Folder: folder}
	}
	s := newSaver(dir, measure.Origin(command), r)
	defer s.onSignal(folder)()
	p.Finished = s.finished
	var failed error
	for _, each := range suite.All() {
		if !each.Chosen(p.Wanted) {
			continue
		}
		cases, err := run(p, each)
		if err != nil {
			failed = errors.Join(failed, err) // the others can be measured
		}
		if err := s.suiteEnds(cases); err != nil {
			return err
		}
	}
	if s.count() == 0 && failed != nil {
		return failed
	}
	if s.count() == 0 {
		return fmt.Errorf("nothing fits -only %s: -list has the suites, -list -only SUITE its cases", only)
	}
	if err := writePage(dir, r); err != nil {
		return err
	}
	if peak := s.origin.Settings[peakMemory]; peak != "" {
		fmt.Printf("peak memory: %s\n", peak)
	}
	fmt.Printf("%s/%s\n", dir, pageFile)
	return failed
}

// run measures a suite. Code of others, or of yours, may panic in it.
func run(p measure.Plan, s suite.Suite) (cases []results.Case, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s: %v", s.Name, v)
		}
	}()
	return p.Suite(s)
}

// order returns the rank of cases in results: that of the suites and of their
// cases.
func order() func(name string) int {
	ranks, next := map[string]int{}, 0
	for _, s := range suite.All() {
		next++
		ranks[s.Name] = next
		for _, c := range s.Cases(suite.Full()) {
			next++
			ranks[s.Name+"/"+c.Name] = next
		}
	}
	return func(name string) int {
		if rank, ok := ranks[name]; ok {
			return rank
		}
		return ranks[strings.SplitN(name, "/", 2)[0]] // of another size: before the others
	}
}
