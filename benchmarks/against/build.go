package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed adapters
var templates embed.FS

// adapters returns those for the APIs that the library has had, the latest
// first.
func adapters() []string { return []string{"latest", "second", "first"} }

// build makes the program in a folder and returns its path. The folder is a
// workspace of the program, the library as it stands, and the one of the
// commit.
func build(root, folder, commit string) (binary string, err error) {
	old, generated := filepath.Join(folder, "old"), filepath.Join(folder, "generated")
	if err := checkout(root, old, commit); err != nil {
		return "", err
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.work.sum"))
	if err != nil {
		return "", err
	}
	if err := write(filepath.Join(folder, "go.work.sum"), sums); err != nil {
		return "", err
	}
	modules := []string{generated, old, filepath.Join(old, "examples")}
	for _, name := range []string{".", "examples", "benchmarks"} {
		modules = append(modules, filepath.Join(root, name))
	}
	if err := write(filepath.Join(folder, "go.work"),
		[]byte("go 1.26.0\n\nuse (\n\t"+strings.Join(modules, "\n\t")+"\n)\n")); err != nil {
		return "", err
	}
	if err := write(filepath.Join(generated, "go.mod"),
		[]byte("module "+modulePath+"/benchmarks/against/generated\n\ngo 1.26.0\n")); err != nil {
		return "", err
	}
	if err := adapt(generated, "now", modulePath); err != nil {
		return "", fmt.Errorf("the library as it stands: %w", err)
	}
	if err := adapt(generated, "was", oldPath); err != nil {
		return "", fmt.Errorf("the library at %s: %w", commit, err)
	}
	main, err := templates.ReadFile("adapters/main.go.txt")
	if err != nil {
		return "", err
	}
	if err := write(filepath.Join(generated, "main.go"), main); err != nil {
		return "", err
	}
	binary = filepath.Join(folder, "against")
	return binary, compile(generated, "-o", binary, ".")
}

// adapt writes the first adapter that fits a library, as the package name.
func adapt(generated, name, path string) error {
	var failed error
	for _, adapter := range adapters() {
		text, err := templates.ReadFile("adapters/" + adapter + ".go.txt")
		if err != nil {
			return err
		}
		code := strings.NewReplacer("PACKAGE", name, "MODULE", path).Replace(string(text))
		if err := write(filepath.Join(generated, name, name+".go"), []byte(code)); err != nil {
			return err
		}
		err = compile(generated, "./"+name)
		if err == nil {
			return nil
		}
		if failed == nil {
			failed = err
		}
	}
	return failed
}

func compile(dir string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build"}, args...)...) //nolint:gosec // ours
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
