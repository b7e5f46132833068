package main

import (
	"embed"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// committed is where the last full run is kept.
const committed = "benchmarks/results"

//go:embed documents
var documents embed.FS

// renewed returns the documents, by path, as they ought to be with the numbers
// of a run.
func renewed(root string, r *results.Run) (map[string]string, error) {
	texts := map[string]string{}
	read := func(path string) error {
		if _, ok := texts[path]; ok {
			return nil
		}
		data, err := os.ReadFile(filepath.Join(root, path))
		texts[path] = string(data)
		return err
	}
	t, err := template.New("documents").Funcs(functions(r)).ParseFS(documents, "documents/*.md")
	if err != nil {
		return nil, err
	}
	run := func(name string) (string, error) {
		var text strings.Builder
		err := t.ExecuteTemplate(&text, name, r)
		return text.String(), err
	}
	if texts["benchmarks/choosing.md"], err = run("choosing.md"); err != nil {
		return nil, err
	}
	for _, path := range []string{"README.md", "benchmarks/README.md"} {
		if err := read(path); err != nil {
			return nil, err
		}
		block, err := run(strings.ReplaceAll(path, "/", "-"))
		if err != nil {
			return nil, err
		}
		if texts[path], err = replaceBlock(texts[path], block); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return texts, nil
}

// renew writes the documents.
func renew(root string) error {
	r, err := results.Load(filepath.Join(root, committed))
	if err != nil {
		return err
	}
	texts, err := renewed(root, r)
	if err != nil {
		return err
	}
	for path, text := range texts {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// replaceBlock replaces what stands between the marks of a document.
func replaceBlock(text, block string) (string, error) {
	const begin, end = "<!-- Written by go run ./benchmarks/report -pages, from benchmarks/results. -->\n",
		"<!-- Up to here. -->"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", errors.New("no place for numbers is marked")
	}
	return head + begin + block + end + tail, nil
}

// over is by how many percent a ratio is over 1.
func over(v float64) float64 { return 100 * (v - 1) }

// functions are what the templates of documents write numbers with.
func functions(r *results.Run) template.FuncMap {
	write := func(format func(float64) string) func(name, unit string) (string, error) {
		return func(name, unit string) (string, error) {
			v, err := r.Value(name, unit)
			return format(v), err
		}
	}
	return template.FuncMap{
		"ratio":   write(ratio),
		"figure":  write(figure),
		"percent": write(percent),
		"times": func(ours, theirs string) (string, error) {
			a, errA := r.Value(ours, "ns/op")
			b, errB := r.Value(theirs, "ns/op")
			return fmt.Sprintf("%.1f", b/a), errors.Join(errA, errB)
		},
		"nanoseconds": write(nanoseconds),
		"bytes":       write(memory),
		"cell": func(name, unit, form string) string {
			forms := map[string]func(float64) string{"ratio": ratio, "percent": percent, "ns": nanoseconds,
				"bytes": memory, "figure": figure}
			return cell(r, name, unit, forms[form])
		},
		"value": r.Value,
		"over":  over,
		"list":  func(names ...string) []string { return names },
	}
}

func nanoseconds(v float64) string {
	switch {
	case v < 1e3:
		return figure(v) + " ns"
	case v < 1e6:
		return figure(v/1e3) + " µs"
	}
	return figure(v/1e6) + " ms"
}

func memory(v float64) string {
	switch {
	case v < 1024:
		return fmt.Sprintf("%.0f B", math.Max(0, v))
	case v < 1<<20:
		return figure(v/1024) + " KiB"
	}
	return figure(v/(1<<20)) + " MiB"
}
