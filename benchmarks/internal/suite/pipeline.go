package suite

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

const (
	pipelineName    = "Pipeline"
	pipelinePackage = "./examples/forwarder/engine"
	pipelinePeers   = "gopacket+otter+go-maglev"
)

// Pipeline is the suite whose code is that of the engine, and stays beside it.
// The report runs it by go test.
func Pipeline() Suite {
	return Suite{
		Name:    pipelineName,
		Outside: measurePipeline,
		Command: fmt.Sprintf("go test -run '^$' -bench %s -benchtime 10x %s", pipelineName, pipelinePackage),
	}
}

// measurePipeline runs from the root of the repository.
func measurePipeline(size Size, blocks int, report func(string)) ([]results.Case, error) {
	pattern := pipelineName
	if slices.Max(size.Flows) < 1_000_000 {
		pattern += "/flows=10000$"
	}
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", pattern, "-benchtime", fmt.Sprintf("%dx", blocks),
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
				Figures: results.Exact(numbers{"allocs/frame": units["ecmp-allocs/frame"]})},
			results.Case{Name: name + "/impl=" + pipelinePeers, NsPerOp: []float64{units["peers-ns/frame"]}})
		report(name)
	}
	if len(list) == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("no results of %s", pipelineName)
	}
	return list, lines.Err()
}
