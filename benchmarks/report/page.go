package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

const pageFile = "index.html"

//go:embed page.html
var pageHTML string

// A page is what page.html shows.
type page struct {
	*results.Run
	Figures []Figure
	Tables  []Table
	Suites  []suite.Suite // that were run
}

// An origin is what made a figure or a table.
type origin struct {
	Page   page
	Suites []string
}

// writePage writes the page and the plots beside the results.
func writePage(dir string, r *results.Run) error {
	figures, err := drawAll(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range figures {
		if err := os.WriteFile(filepath.Join(dir, f.ID+".svg"), []byte(f.SVG), 0o644); err != nil {
			return err
		}
	}
	html, err := renderPage(r, figures)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, pageFile), []byte(html), 0o644)
}

func renderPage(r *results.Run, figures []Figure) (string, error) {
	p := page{Run: r, Figures: figures, Tables: tables(r)}
	for _, s := range suite.All() {
		if len(r.Of(s.Name)) > 0 {
			p.Suites = append(p.Suites, s)
		}
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"svg":       func(s string) template.HTML { return template.HTML(s) }, //nolint:gosec // drawn here
		"command":   p.command,
		"benchmark": func(s suite.Suite) string { return benchmark(s, !r.Quick) },
		"leftOut":   p.leftOut,
		"dict":      func(p page, suites []string) origin { return origin{p, suites} },
	}).Parse(pageHTML)
	if err != nil {
		return "", err
	}
	var html strings.Builder
	if err := t.Execute(&html, p); err != nil {
		return "", err
	}
	return html.String(), nil
}

// command is what makes a figure of these suites.
func (p page) command(suites []string) string {
	return fmt.Sprintf("go run ./benchmarks/report%s -only %s", map[bool]string{true: " -quick"}[p.Quick],
		strings.Join(suites, ","))
}

// leftOut is what figures of these suites do not say.
func (p page) leftOut(suites []string) string {
	var text []string
	for _, s := range p.Suites {
		for _, name := range suites {
			if s.Name == name {
				text = append(text, s.Text.LeftOut)
			}
		}
	}
	return strings.Join(text, " ")
}

// benchmark is the command that measures a suite alone.
func benchmark(s suite.Suite, full bool) string {
	return fmt.Sprintf("go test -run '^$' -bench '^Benchmark%s$' ./benchmarks%s", s.Name,
		map[bool]string{true: " -full"}[full])
}
