package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

func simulator(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

// With a flow table nothing is lost at a gateway that stays. Without one, each
// of ten drains and returns moves a tenth of the connections or more. Placement
// is exact, so these are the numbers of every machine.
func TestOutcomes(t *testing.T) {
	racecheck.OneGoroutine(t)
	code, out, errs := simulator("-json")
	require.Zero(t, code, errs)
	var list []struct {
		Strategy      string
		Plain, Sticky map[string]int
	}
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.Len(t, list, len(catalog.All()))
	needless := map[string]int{}
	for _, r := range list {
		assert.Equal(t, 5069, r.Plain["connections"], r.Strategy)
		assert.Equal(t, 5069, r.Sticky["connections"], r.Strategy)
		assert.Zero(t, r.Sticky["same_gateway"], r.Strategy)
		assert.Positive(t, r.Sticky["another_gateway"], "%s: nobody told the other gateways", r.Strategy)
		assert.Zero(t, r.Plain["pod_stopped"], "%s: a drain ends all before, without a table", r.Strategy)
		assert.Positive(t, r.Sticky["pod_stopped"], "%s: of those that last longer than the drain", r.Strategy)
		needless[r.Strategy] = r.Plain["same_gateway"]
	}
	assert.Equal(t, 184, needless["bounded"])
	assert.Equal(t, 1339, needless["modulo"])
	for _, worse := range []string{"modulo", "threshold", "jump"} {
		assert.Greater(t, needless[worse], 2*needless["bounded"], worse)
	}
}

// A simulation is a function of its seed, whatever else runs in the process.
func TestSimulationsShareNothing(t *testing.T) {
	const svg = "lost.svg"
	play := func(dir string) string {
		file := filepath.Join(dir, svg)
		_, out, errs := simulator("-strategies", "bounded:slots=1024 anchor", "-connections", "300", "-svg", file)
		return out + errs
	}
	alone, first, second := t.TempDir(), t.TempDir(), t.TempDir()
	want := play(alone)
	got := make(chan string)
	for _, dir := range []string{first, second} {
		go func() { got <- play(dir) }()
	}
	assert.Equal(t, want, <-got)
	assert.Equal(t, want, <-got)
	picture, err := os.ReadFile(filepath.Join(alone, svg))
	require.NoError(t, err)
	for _, dir := range []string{first, second} {
		other, err := os.ReadFile(filepath.Join(dir, svg))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(picture, other), "pictures differ")
	}
	_, other, _ := simulator("-strategies", "bounded:slots=1024 anchor", "-connections", "300", "-seed", "2")
	assert.NotEqual(t, want, other)
}

// The picture is SVG and has a curve of each strategy in both panels.
func TestPicture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lost.svg")
	code, _, errs := simulator("-strategies", "jump modulo", "-connections", "200", "-svg", file)
	require.Zero(t, code, errs)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	words := map[string]int{}
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if data, ok := token.(xml.CharData); ok {
			words[strings.TrimSpace(string(data))]++
		}
	}
	assert.Equal(t, 2, words["jump"])
	assert.Equal(t, 2, words["modulo"])
	assert.Equal(t, 1, words["sticky"])
}

func TestBadArguments(t *testing.T) {
	for want, args := range map[string][]string{
		`"magic" is none of`:     {"-strategies", "bounded magic"},
		`none is given`:          {"-strategies", " "},
		`bad table size`:         {"-strategies", "maglev:size=4"},
		`not between 1 and 1000`: {"-connections", "0"},
		`unexpected argument`:    {"bounded"},
	} {
		code, out, errs := simulator(args...)
		assert.Equal(t, commandline.Usage, code, want)
		assert.Empty(t, out)
		assert.Contains(t, errs, want)
	}
	code, _, errs := simulator("-strategies", "modulo", "-connections", "1", "-svg", t.TempDir())
	assert.Equal(t, commandline.Failed, code, errs)
}

// The part that is the example stays short.
func TestExampleIsShort(t *testing.T) {
	text, err := os.ReadFile("simulation.go")
	require.NoError(t, err)
	assert.LessOrEqual(t, bytes.Count(text, []byte("\n")), 150)
}
