package measure

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// Layouts are binaries of the report whose functions lie in another order in
// each, in a folder. Where a loop lies can cost it half of its time, so that
// one binary says little of another.
type Layouts struct {
	Folder string
}

// run measures one block of what is wanted, in the binary of that number, which
// it builds once.
func (l Layouts) run(number int, only string) ([]results.Case, error) {
	binary := filepath.Join(l.Folder, fmt.Sprintf("report-%d", number))
	if _, err := os.Stat(binary); err != nil {
		const report = "github.com/ecmp-go/ecmp/benchmarks/report"
		layout := fmt.Sprintf("-ldflags=-randlayout=%d", number)
		if err := command("go", "build", layout, "-o", binary, report); err != nil {
			return nil, err
		}
	}
	out := filepath.Join(l.Folder, "out")
	if err := command(binary, "-blocks", "1", "-only", only, "-out", out); err != nil {
		return nil, err
	}
	r, err := results.Load(out)
	if err != nil {
		return nil, err
	}
	return r.Cases, os.RemoveAll(out)
}

func command(name string, args ...string) error {
	cmd := exec.Command(name, args...) //nolint:gosec // go, and what it built
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, said)
	}
	return nil
}

// layouts measures a suite whose blocks are of a layout each.
func (p Plan) layouts(s suite.Suite, run func(number int, only string) ([]results.Case, error),
	done func(...results.Case)) (list []results.Case, err error) {
	only := []string{s.Name}
	for _, key := range slices.Sorted(maps.Keys(p.Wanted)) {
		for _, value := range p.Wanted[key] {
			if key != "" {
				only = append(only, key+"="+value)
			}
		}
	}
	for block := range p.Blocks {
		cases, err := run(block+1, strings.Join(only, ","))
		if err != nil {
			return nil, err
		}
		for i, c := range cases {
			name := strings.TrimPrefix(c.Name, s.Name+"/")
			if block == 0 {
				list = append(list, results.Case{Name: name, Figures: c.Figures})
			}
			if i >= len(list) || list[i].Name != name {
				return nil, fmt.Errorf("block %d: %s is not where it was", block, name)
			}
			list[i].NsPerOp = append(list[i].NsPerOp, c.NsPerOp...)
			if f, ok := c.Figures[results.Processor]; ok && block > 0 {
				mean := list[i].Figures[results.Processor]
				mean.Value += (f.Value - mean.Value) / float64(block+1)
				list[i].Figures[results.Processor] = mean
			}
			if block == p.Blocks-1 {
				done(list[i])
			}
		}
	}
	return list, nil
}
