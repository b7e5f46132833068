// Against compares the engine, the flow table and the reader of packets with
// those of another commit, and with what engineers wire by hand:
//
//	go run ./benchmarks/against 7438560
//	go run ./benchmarks/against -rows 'burst/10000$' 7438560
//
// It checks the commit out into a temporary folder, gives its modules another
// path, and links both libraries into one program, which it generates and runs.
// All sides take turns in one process, over the same items, on one thread,
// whose processor time is measured: the ratios hold on a machine that has other
// work. First it checks that both engines decide alike, but for differences
// that are listed. It runs in the repository, on Linux.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "against:", err)
		os.Exit(1)
	}
}

// run builds the program and runs it with all arguments but the last, which is
// the commit.
func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: against [flags] COMMIT; -h COMMIT lists the flags")
	}
	root, err := repository()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "against")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // what is left is temporary
	binary, err := build(root, folder, args[len(args)-1])
	if err != nil {
		return err
	}
	captures := filepath.Join(root, "examples", "forwarder", "testdata")
	flags := append([]string{"-captures", captures}, args[:len(args)-1]...)
	cmd := exec.Command(binary, flags...) //nolint:gosec // just built
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// repository returns the root of the repository that the command runs in.
func repository() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.work")); missing == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("not in the repository: no go.work")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
