package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

const (
	pipelineName    = "Pipeline"
	pipelinePackage = "./examples/forwarder/engine"
	peers           = "gopacket+otter+go-maglev"
)

// pipeline is the suite whose code is that of the engine, and stays beside it.
// The report runs it by go test.
func pipeline() suite.Suite {
	return suite.Suite{
		Name: pipelineName,
		About: "One operation takes one TCP frame of 60 bytes to its member: in the reference engine's own loop, in bursts, and in gopacket, otter and go-maglev wired the obvious way. " +
			"hit: its flow is known; miss: it is not. Blocks of both sides take turns, over the same frames.",
		LeftOut: "Reading and sending frames, and the refresh of pins, since the clock stands still. The engine does more than the others: it finds the group by longest prefix, rewrites the frame, and counts. " +
			"One core does all.",
	}
}

// suites are all of the report.
func suites() []suite.Suite { return append(suite.All(), pipeline()) }

// benchmark is the command that measures a suite alone.
func benchmark(name string, full bool) string {
	switch {
	case name == pipelineName:
		return fmt.Sprintf("go test -run '^$' -bench %s -benchtime 10x %s", pipelineName, pipelinePackage)
	case full:
		return fmt.Sprintf("go test -run '^$' -bench '^Benchmark%s$' ./benchmarks -full", name)
	}
	return fmt.Sprintf("go test -run '^$' -bench '^Benchmark%s$' ./benchmarks", name)
}

// engine measures the pipeline, from the root of the repository.
func (p plan) engine(report func(string)) ([]results.Case, error) {
	pattern := pipelineName
	if p.quick {
		pattern += "/flows=10000$"
	}
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", pattern, "-benchtime", fmt.Sprintf("%dx", p.blocks),
		pipelinePackage) //nolint:gosec // of constants
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var said strings.Builder
	list, err := readPipeline(io.TeeReader(out, &said), report)
	// what is left when a line was bad, lest the command wait for a reader
	_, _ = io.Copy(&said, out)
	if failed := cmd.Wait(); failed != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, failed, said.String())
	}
	return list, err
}

// readPipeline returns the cases in what the benchmark prints: medians of its
// blocks, for both sides.
func readPipeline(r io.Reader, report func(string)) (list []results.Case, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "Benchmark"+pipelineName+"/") {
			continue
		}
		_, name, _ := strings.Cut(fields[0], "/")
		if at := strings.LastIndexByte(name, '-'); at >= 0 {
			name = name[:at] // the number of cores
		}
		units := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			if units[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return nil, fmt.Errorf("%q: %w", lines.Text(), err)
			}
		}
		for _, unit := range []string{"ecmp-ns/frame", "peers-ns/frame", "ecmp-allocs/frame"} {
			if _, ok := units[unit]; !ok {
				return nil, fmt.Errorf("%q: no %s", lines.Text(), unit)
			}
		}
		list = append(list,
			results.Case{Name: name + "/impl=ecmp", NsPerOp: []float64{units["ecmp-ns/frame"]},
				Figures: map[string]float64{"allocs/frame": units["ecmp-allocs/frame"]}},
			results.Case{Name: name + "/impl=" + peers, NsPerOp: []float64{units["peers-ns/frame"]}})
		report(name)
	}
	if len(list) == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("no results of %s", pipelineName)
	}
	return list, lines.Err()
}

// pipelineBars draws the rows of the engine's own hash.
func pipelineBars(r *results.Run, _ Figure) (string, error) {
	var list []bar
	for _, c := range of(r, pipelineName) {
		if suite.Value(c.Name, "hash") != "mix" {
			continue
		}
		impl := suite.Value(c.Name, "impl")
		name := fmt.Sprintf("%s flows, %s, %s", suite.Value(c.Name, "flows"), suite.Value(c.Name, "frames"),
			suite.Value(c.Name, "path"))
		if impl != "ecmp" {
			list = append(list, bar{"", 1, c.Median()})
			continue
		}
		list = append(list, bar{name, 0, c.Median()})
	}
	if len(list) == 0 {
		return "", nil
	}
	return bars("From a frame to its member", "time of a frame, ns", list,
		[]string{"ecmp", "gopacket, otter, go-maglev"})
}
