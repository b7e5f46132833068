package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// committed is where the results are kept that the documents are of.
const committed = "benchmarks/results"

// documents has a template for each document, under its path. Each template
// that a file defines is a block of the document, but for those whose names
// begin with an underscore, which others use. A file that defines no block is
// the whole document.
//
//go:embed all:documents
var documents embed.FS

// renewed returns the documents, by path, as they ought to be with the numbers
// of a run.
func renewed(root string, r *results.Run) (map[string]string, error) {
	texts := map[string]string{}
	err := fs.WalkDir(documents, "documents", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		path := strings.TrimPrefix(name, "documents/")
		texts[path], err = renewedOne(root, path, r)
		return err
	})
	return texts, err
}

// renewedOne returns one of them.
func renewedOne(root, path string, r *results.Run) (string, error) {
	data, err := documents.ReadFile("documents/" + path)
	if err != nil {
		return "", err
	}
	t, err := template.New(path).Funcs(functions(root, r)).Parse(string(data))
	if err != nil {
		return "", err
	}
	old, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return "", err
	}
	text, err := document(string(old), t, r)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// document writes the blocks of a document anew.
func document(text string, t *template.Template, r *results.Run) (string, error) {
	run := func(t *template.Template) (string, error) {
		var block strings.Builder
		err := t.Execute(&block, r)
		return block.String(), err
	}
	blocks := 0
	for _, b := range t.Templates() {
		if b == t || strings.HasPrefix(b.Name(), "_") {
			continue
		}
		blocks++
		block, err := run(b)
		if err != nil {
			return "", err
		}
		if text, err = replaceBlock(text, b.Name(), strings.TrimLeft(block, "\n")); err != nil {
			return "", err
		}
	}
	if blocks == 0 {
		return run(t)
	}
	if n := strings.Count(text, beginBlock); n != blocks {
		return "", fmt.Errorf("%d blocks begin, there are templates for %d", n, blocks)
	}
	return text, nil
}

const beginBlock = "<!-- begin "

// replaceBlock replaces what stands between the marks of a block.
func replaceBlock(text, name, block string) (string, error) {
	begin := beginBlock + name + ", written by go run ./benchmarks/report -pages -->\n"
	end := "<!-- end " + name + " -->"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed || strings.Contains(tail, begin) {
		return "", fmt.Errorf("want one place for %s, from %q to %q", name, begin, end)
	}
	return head + begin + block + end + tail, nil
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
