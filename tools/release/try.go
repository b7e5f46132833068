package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// try does with the served modules what their users will.
func (r *release) try() error {
	if err := r.tryLibrary(); err != nil {
		return err
	}
	for _, m := range r.modules[1:] {
		programs, err := output(filepath.Join(r.clone, m.Dir), r.env,
			"go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./...")
		if err != nil {
			return err
		}
		install := []string{"go", "install"}
		for program := range strings.FieldsSeq(programs) {
			if !strings.Contains(program, "/internal/") {
				install = append(install, program+"@"+r.version)
			}
		}
		fmt.Println(strings.Join(install, " "))
		if _, err := output("", r.env, install...); err != nil {
			return err
		}
	}
	return nil
}

// tryLibrary adds each package of the library to an empty module, and builds a
// program that imports it.
func (r *release) tryLibrary() error {
	packages, err := output(r.clone, r.env, "go", "list", "./...")
	if err != nil {
		return err
	}
	for path := range strings.FieldsSeq(packages) {
		if strings.Contains(path, "/internal/") || path == r.modules[0].Path {
			continue
		}
		fmt.Printf("go get %s@%s, go build\n", path, r.version)
		dir, err := os.MkdirTemp(filepath.Dir(r.clone), "importer-")
		if err != nil {
			return err
		}
		program := fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", path)
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
			return err
		}
		for _, args := range [][]string{
			{"go", "mod", "init", "importer.example/importer"},
			{"go", "get", path + "@" + r.version},
			{"go", "build", "-o", os.DevNull, "."},
		} {
			if _, err := output(dir, r.env, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// output runs a command in a folder and returns what it prints; the error has
// what it complains of.
func output(dir string, env []string, args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(stdout.String()), nil
}
