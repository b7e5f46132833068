package main

import (
	"embed"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// committed is where the last full run is kept.
const committed = "benchmarks/results"

//go:embed documents
var documents embed.FS

// A claim is a place in a document where measured numbers stand: a regular expression whose groups are the numbers.
type claim struct {
	file    string
	where   string
	numbers []number
}

// A number is a figure of a case as a document writes it.
type number struct {
	name, unit string
	scale      func(float64) float64 // nil: as it is
}

// renewed returns the documents, by path, as they ought to be with the numbers of a run.
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
	for _, c := range claims() {
		if err := read(c.file); err != nil {
			return nil, err
		}
		if texts[c.file], err = c.write(texts[c.file], r); err != nil {
			return nil, fmt.Errorf("%s: %w", c.file, err)
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
	const begin, end = "<!-- Written by go run ./benchmarks/report -pages, from benchmarks/results. -->\n", "<!-- Up to here. -->"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", errors.New("no place for numbers is marked")
	}
	return head + begin + block + end + tail, nil
}

// write replaces the numbers of a claim, each with as many decimals as it has.
func (c claim) write(text string, r *results.Run) (string, error) {
	found := regexp.MustCompile(c.where).FindAllStringSubmatchIndex(text, -1)
	if len(found) != 1 || len(found[0]) != 2+2*len(c.numbers) {
		return "", fmt.Errorf("%q matches %d times, and has %d numbers", c.where, len(found), len(c.numbers))
	}
	for i, n := range slices.Backward(c.numbers) {
		begin, end := found[0][2+2*i], found[0][3+2*i]
		_, decimals, _ := strings.Cut(text[begin:end], ".")
		v, err := n.value(r)
		if err != nil {
			return "", err
		}
		text = align(text[:begin], text[begin:end], strconv.FormatFloat(v, 'f', len(decimals), 64), text[end:])
	}
	return text, nil
}

// align puts a number in the place of another. In a column, where spaces follow, the next one stays where it is.
func align(before, old, number, after string) string {
	spaces := len(after) - len(strings.TrimLeft(after, " "))
	if more := len(number) - len(old); spaces > 1 && more < spaces {
		after = strings.Repeat(" ", spaces-more) + after[spaces:]
	}
	return before + number + after
}

func (n number) value(r *results.Run) (float64, error) {
	v, err := r.Value(n.name, n.unit)
	if err == nil && n.scale != nil {
		v = n.scale(v)
	}
	return v, err
}

// over is by how many percent a ratio is over 1.
func over(v float64) float64 { return 100 * (v - 1) }

func hundredfold(v float64) float64 { return 100 * v }

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
			forms := map[string]func(float64) string{"ratio": ratio, "percent": percent, "ns": nanoseconds, "bytes": memory, "figure": figure}
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
