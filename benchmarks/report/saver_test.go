package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// measuredHere is the directory that a child of this test measures into.
const measuredHere = "REPORT_TEST_DIRECTORY"

// TestInterrupted interrupts a report in the middle of a suite, and wants every
// case that it had told of.
func TestInterrupted(t *testing.T) {
	if dir := os.Getenv(measuredHere); dir != "" {
		require.NoError(t, measureInto(dir, "Remap,n=1000", 0, 0, false, false)) // it takes minutes
		return
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInterrupted$")
	cmd.Env = append(os.Environ(), measuredHere+"="+dir, "TMPDIR="+dir)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	told, last := 0, ""
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if last = lines.Text(); strings.Contains(last, "Remap/") || !strings.Contains(last, "n=1000") {
			continue
		}
		if told++; told == 3 {
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
		}
	}
	require.Error(t, cmd.Wait())
	assert.Contains(t, last, "report: stopped")
	r, err := results.Load(dir)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, told, 3)
	assert.GreaterOrEqual(t, len(r.Cases), told)
	for _, c := range r.Cases {
		assert.NotEmpty(t, c.Figures, c.Name)
	}
	require.NoError(t, redraw(dir), "a page of what is finished")
	left, err := filepath.Glob(filepath.Join(dir, "report*"))
	require.NoError(t, err)
	assert.Empty(t, left, "the folder of binaries is gone")
}

// TestSaver has cases in the file before their suite ends, and then in the
// order of the suite.
func TestSaver(t *testing.T) {
	dir := t.TempDir()
	cases := func(names ...string) (list []results.Case) {
		for _, name := range names {
			list = append(list, results.Case{Name: name, Figures: results.Exact(map[string]float64{"x": 1})})
		}
		return list
	}
	names := func() (list []string) {
		r, err := results.Load(dir)
		require.NoError(t, err)
		require.Len(t, r.Origins, 1)
		for _, c := range r.Cases {
			list = append(list, c.Name)
		}
		return list
	}
	s := newSaver(dir, results.Origin{Settings: map[string]string{}}, &results.Run{})
	s.finished(cases("Shares/own=1")...)
	assert.Equal(t, []string{"Shares/own=1"}, names())
	s.took = time.Hour
	s.finished(cases("Shares/own=0")...)
	assert.Len(t, names(), 1, "writing would take more than a twentieth of the time")
	require.NoError(t, s.suiteEnds(cases("Shares/own=0", "Shares/own=1")))
	assert.Equal(t, []string{"Shares/own=0", "Shares/own=1"}, names())
	s.took = time.Hour
	s.finished(cases("Slack/own=0")...)
	require.NoError(t, s.suiteEnds(nil))
	assert.Equal(t, []string{"Shares/own=0", "Shares/own=1", "Slack/own=0"}, names(), "a suite that failed later")
	s.took = time.Hour
	s.finished(cases("Build/own=0")...)
	assert.Equal(t, 1, s.interrupted(""))
	assert.Equal(t, []string{"Shares/own=0", "Shares/own=1", "Slack/own=0", "Build/own=0"}, names())
}
