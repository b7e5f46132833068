package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	modulePath = "github.com/ecmp-go/ecmp"
	oldPath    = "old.ecmp" // of the same modules at the other commit
)

// checkout writes what the engine of a commit is made of into a folder, under
// another module path: Go code and module files.
func checkout(root, folder, commit string) error {
	cmd := exec.Command("git", "-C", root, "archive", "--format=tar", commit) //nolint:gosec // git checks it
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("git archive %s: %w: %s", commit, err, stderr.String())
	}
	archive := tar.NewReader(bytes.NewReader(out))
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !wanted(h.Name) {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		path := filepath.Join(folder, filepath.FromSlash(h.Name))
		if err := write(path, bytes.ReplaceAll(data, []byte(modulePath), []byte(oldPath))); err != nil {
			return err
		}
	}
}

// wanted reports whether a file can be part of an engine.
func wanted(name string) bool {
	if !filepath.IsLocal(name) || strings.HasSuffix(name, "_test.go") {
		return false
	}
	switch top, _, _ := strings.Cut(name, "/"); top {
	case "benchmarks", "gateway", "cluster", "tools":
		return false
	}
	return strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".s") || filepath.Base(name) == "go.mod" ||
		filepath.Base(name) == "go.sum"
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as go does
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
