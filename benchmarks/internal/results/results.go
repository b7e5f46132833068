// Package results is what a report keeps of its measurements: for people as
// JSON, for benchstat as text.
package results

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/exp/stats"

	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// A Run is one run of the report.
type Run struct {
	Date    string   `json:"date"`    // RFC 3339, UTC
	Command string   `json:"command"` // that makes it
	Go      string   `json:"go"`
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	CPU     string   `json:"cpu"`
	CPUs    int      `json:"cpus"`
	Quick   bool     `json:"quick"`
	Modules []Module `json:"modules"` // that were measured, this library's aside
	Cases   []Case   `json:"cases"`
}

// A Module is a library of a version.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// A Case is what was measured of one.
type Case struct {
	Name    string             `json:"name"`                // Suite/key=value/...
	NsPerOp []float64          `json:"ns_per_op,omitempty"` // of each block, in order
	Figures map[string]float64 `json:"figures,omitempty"`   // by unit
}

// Median returns the median time of an operation, in nanoseconds.
func (c Case) Median() float64 { return stats.Quantiles(c.NsPerOp, .5)[0] }

// Find returns the case of that name.
func (r *Run) Find(name string) (Case, error) {
	for _, c := range r.Cases {
		if c.Name == name {
			return c, nil
		}
	}
	return Case{}, fmt.Errorf("results: no case %q", name)
}

// Value returns a figure: the one of that unit, or with the unit ns/op the
// median time.
func (r *Run) Value(name, unit string) (float64, error) {
	c, err := r.Find(name)
	if err != nil {
		return 0, err
	}
	if unit == "ns/op" && len(c.NsPerOp) > 0 {
		return c.Median(), nil
	}
	v, ok := c.Figures[unit]
	if !ok {
		return 0, fmt.Errorf("results: case %q has no %s", name, unit)
	}
	return v, nil
}

// A Ratio says how many times as long another library takes as this one, for
// the same work in blocks that took turns.
type Ratio struct {
	Ours, Theirs string  // the names of cases
	Value        float64 // of medians
}

// Ratios returns all of them, in order of their names.
func (r *Run) Ratios() (ratios []Ratio) {
	for _, ours := range r.Cases {
		if len(ours.NsPerOp) == 0 || suite.Value(ours.Name, "impl") != "ecmp" {
			continue
		}
		for _, theirs := range r.Cases {
			impl := suite.Value(theirs.Name, "impl")
			if len(theirs.NsPerOp) > 0 && impl != "ecmp" && suite.Contest(ours.Name) == suite.Contest(theirs.Name) {
				ratios = append(ratios, Ratio{ours.Name, theirs.Name, theirs.Median() / ours.Median()})
			}
		}
	}
	slices.SortFunc(ratios, func(a, b Ratio) int {
		return cmp.Or(strings.Compare(a.Ours, b.Ours), strings.Compare(a.Theirs, b.Theirs))
	})
	return ratios
}

// The files of a run in its directory.
const (
	JSONFile = "results.json"
	TextFile = "results.txt"
)

// Load reads a run from its directory.
func Load(dir string) (*Run, error) {
	data, err := os.ReadFile(filepath.Join(dir, JSONFile))
	if err != nil {
		return nil, err
	}
	r := new(Run)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, JSONFile), err)
	}
	return r, nil
}

// Save writes a run to its directory, in both forms. JSON has one case a line,
// so that differences can be read.
func (r *Run) Save(dir string) error {
	var text, list strings.Builder
	r.benchstat(&text)
	head := *r
	head.Cases = nil
	data, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return err
	}
	list.WriteString(strings.TrimSuffix(string(data), "null\n}"))
	for i, c := range r.Cases {
		line, err := json.Marshal(c)
		if err != nil {
			return err
		}
		list.WriteString(map[bool]string{true: "[\n    ", false: ",\n    "}[i == 0])
		list.Write(line)
	}
	list.WriteString("\n  ]\n}\n")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, JSONFile), []byte(list.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, TextFile), []byte(text.String()), 0o644)
}

// benchstat writes the lines of go test -bench: one for each block that was
// timed.
func (r *Run) benchstat(w io.Writer) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // to memory
	line("goos: %s\ngoarch: %s\npkg: github.com/ecmp-go/ecmp/benchmarks\ncpu: %s\n", r.OS, r.Arch, r.CPU)
	for _, c := range r.Cases {
		var figures strings.Builder
		for _, unit := range slices.Sorted(maps.Keys(c.Figures)) {
			fmt.Fprintf(&figures, "\t%v %s", c.Figures[unit], unit)
		}
		if len(c.NsPerOp) == 0 {
			line("Benchmark%s 1%s\n", c.Name, figures.String())
		}
		for _, ns := range c.NsPerOp {
			line("Benchmark%s 1\t%v ns/op%s\n", c.Name, ns, figures.String())
		}
	}
}
