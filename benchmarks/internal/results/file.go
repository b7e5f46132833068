package results

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

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
	for _, c := range r.Cases {
		if c.Origin < 0 || c.Origin >= len(r.Origins) {
			return nil, fmt.Errorf("%s: %s: nobody measured it", filepath.Join(dir, JSONFile), c.Name)
		}
	}
	r.Repeats, err = loadRepeats(dir)
	return r, err
}

// Save writes a run to its directory, in both forms, without its repeats.
func (r *Run) Save(dir string) error {
	var text strings.Builder
	r.benchstat(&text)
	list, err := r.json()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := replace(filepath.Join(dir, JSONFile), list); err != nil {
		return err
	}
	return replace(filepath.Join(dir, TextFile), text.String())
}

// json returns the run with one case a line, so that differences can be read.
func (r *Run) json() (string, error) {
	var list strings.Builder
	head := *r
	head.Cases = nil
	data, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return "", err
	}
	list.WriteString(strings.TrimSuffix(string(data), "null\n}"))
	for i, c := range r.Cases {
		line, err := json.Marshal(c)
		if err != nil {
			return "", err
		}
		list.WriteString(map[bool]string{true: "[\n    ", false: ",\n    "}[i == 0])
		list.Write(line)
	}
	list.WriteString("\n  ]\n}\n")
	return list.String(), nil
}

// replace writes a file at once: whoever is killed in the middle leaves the old
// one.
func replace(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// benchstat writes the lines of go test -bench: one for each block that was
// timed, of the first origin of each case.
func (r *Run) benchstat(w io.Writer) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // to memory
	o, seen := r.Main(), map[string]bool{}
	line("goos: %s\ngoarch: %s\npkg: github.com/ecmp-go/ecmp/benchmarks\ncpu: %s\n", o.OS, o.Arch, o.CPU)
	for _, c := range r.Cases {
		if seen[c.Name] {
			continue
		}
		seen[c.Name] = true
		var figures strings.Builder
		for _, unit := range slices.Sorted(maps.Keys(c.Figures)) {
			fmt.Fprintf(&figures, "\t%v %s", c.Figures[unit].Value, unit)
		}
		if len(c.NsPerOp) == 0 {
			line("Benchmark%s 1%s\n", c.Name, figures.String())
		}
		for _, ns := range c.NsPerOp {
			line("Benchmark%s 1\t%v ns/op%s\n", c.Name, ns, figures.String())
		}
	}
}
