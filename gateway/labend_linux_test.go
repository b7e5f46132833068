package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

// startLab starts a lab as a process of its own, and returns once it makes its
// first change.
func startLab(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "lab", "-io", "afpacket", "-connections", "20") //nolint:gosec // itself
	// so that a test can signal it with its gateway, as a terminal does
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "add pod4") {
		t.Log(lines.Text())
	}
	require.NoError(t, lines.Err())
	return c
}

// left returns the namespaces, and the directories below the temporary one,
// that a lab has.
func left(t *testing.T, lab *exec.Cmd) (names []string) {
	t.Helper()
	for _, in := range []string{"/run/netns", os.TempDir()} {
		found, err := filepath.Glob(filepath.Join(in, fmt.Sprintf("ecmp-%d-*", lab.Process.Pid)))
		require.NoError(t, err)
		names = append(names, found...)
	}
	return names
}

// A lab that is interrupted removes what it made.
func TestLabInterrupted(t *testing.T) {
	needNamespaces(t)
	t.Setenv("TMPDIR", t.TempDir())
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		c := startLab(t)
		require.Len(t, left(t, c), 7, "six hosts, and the gateway's files")
		require.NoError(t, syscall.Kill(-c.Process.Pid, signal))
		require.Error(t, c.Wait())
		assert.Equal(t, commandline.Failed, c.ProcessState.ExitCode())
		assert.Empty(t, left(t, c))
	}
}

// What a lab leaves that was killed, the next one removes.
func TestLabKilled(t *testing.T) {
	needNamespaces(t)
	t.Setenv("TMPDIR", t.TempDir())
	c := startLab(t)
	require.NoError(t, c.Process.Kill())
	require.Error(t, c.Wait())
	require.NotEmpty(t, left(t, c))
	labOutput(t, "-io", "afpacket", "-connections", "1", "-sticky=false")
	assert.Empty(t, left(t, c))
}
