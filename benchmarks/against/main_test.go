package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	// So that a result is not kept when they change: what the test builds is
	// not seen by go test.
	_ "github.com/ecmp-go/ecmp/flowcache"
)

// baseline is the commit that the engine is held to.
const baseline = "7438560"

// The engine decides as that of the baseline does, but for the differences that
// are listed in program/allowed.go, and the command measures.
func TestAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two engines")
	}
	root, err := repository()
	require.NoError(t, err)
	if exec.Command("git", "-C", root, "cat-file", "-e", baseline+"^{commit}").Run() != nil {
		t.Skip("no " + baseline + " in this clone")
	}
	require.NoError(t, run([]string{"-blocks", "1", "-rows", "^burst/10000$", baseline}))
}

func TestCommitIsRequired(t *testing.T) {
	require.ErrorContains(t, run(nil), "COMMIT")
	require.ErrorContains(t, run([]string{"no-such-commit"}), "git archive")
}
