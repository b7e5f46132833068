package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

const root = "../.." // of the repository, from here

func load(t *testing.T) *results.Run {
	t.Helper()
	r, err := results.Load(filepath.Join(root, committed))
	require.NoError(t, err)
	return r
}

// TestDocumentsSayWhatWasMeasured is what holds every number of the documents
// to the results.
func TestDocumentsSayWhatWasMeasured(t *testing.T) {
	texts, err := renewed(root, load(t))
	require.NoError(t, err)
	for path, want := range texts {
		got, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "%s: go run ./benchmarks/report -pages", path)
	}
	assert.Contains(t, texts, "README.md")
}

// TestPagesAreThoseOfTheResults draws the committed page and plots again.
func TestPagesAreThoseOfTheResults(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writePage(dir, load(t)))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, len(drawings())+1)
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(root, committed, f.Name()))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "%s: go run ./benchmarks/report -draw %s", f.Name(), committed)
	}
}

// TestCommittedPlacementHolds computes some of the committed figures of
// placement again, to the last bit.
func TestCommittedPlacementHolds(t *testing.T) {
	r, checked := load(t), 0
	for _, s := range suite.All() {
		if !s.Exact {
			continue
		}
		for _, c := range s.Cases(suite.Quick()) {
			if !regexp.MustCompile(`^strategy=(bounded|maglev|jump|anchor)/n=10/(event=|weights=equal)|event=(scale-up|new-gateway)/policy=sticky-350s/strategy=bounded`).MatchString(c.Name) {
				continue
			}
			w, err := c.New()
			require.NoError(t, err)
			want, err := r.Find(s.Name + "/" + c.Name)
			require.NoError(t, err)
			assert.Equal(t, want.Figures, w.Figures, c.Name)
			checked++
		}
	}
	assert.Greater(t, checked, 30)
}

// TestCommittedRunIsFull wants every case that a full run has.
func TestCommittedRunIsFull(t *testing.T) {
	r := load(t)
	assert.False(t, r.Quick)
	assert.Len(t, r.Modules, 14)
	want := 0
	for _, s := range suite.All() {
		for _, c := range s.Cases(suite.Full()) {
			measured, err := r.Find(s.Name + "/" + c.Name)
			require.NoError(t, err)
			if !s.Exact {
				assert.Len(t, measured.NsPerOp, 10, c.Name)
			}
			want++
		}
	}
	const rows = 12 // of the pipeline, for both sides
	assert.Len(t, of(r, pipelineName), 2*rows)
	for _, c := range of(r, pipelineName) {
		assert.Zero(t, c.Figures["allocs/frame"], c.Name)
	}
	assert.Len(t, r.Cases, want+2*rows, "and no others")
}

// TestMeasure runs a plan of cases that are counted.
func TestMeasure(t *testing.T) {
	var order strings.Builder
	count := func(name string) func() (*suite.Work, error) {
		return func() (*suite.Work, error) {
			return &suite.Work{Items: 2, Reset: func() { order.WriteString(name) }, Pass: func() {},
				Figures: map[string]float64{"x": 1}}, nil
		}
	}
	cases := func(suite.Size) []suite.Case {
		return []suite.Case{{Name: "k=1/impl=a", New: count("a")}, {Name: "k=2/impl=a", New: count("c")},
			{Name: "k=1/impl=b", New: count("b")}}
	}
	r, err := plan{suites: []suite.Suite{{Name: "S", Cases: cases}, {Name: "E", Exact: true, Cases: cases}},
		blocks: 2, turns: 2, progress: io.Discard}.measure()
	require.NoError(t, err)
	assert.Equal(t, "ab"+"abba"+"baab"+"c"+"cccc", order.String(),
		"those that do the same work warm up, then take turns, forwards and backwards")
	require.Len(t, r.Cases, 6)
	assert.Equal(t, "S/k=1/impl=a", r.Cases[0].Name)
	assert.Len(t, r.Cases[0].NsPerOp, 2)
	assert.Equal(t, results.Case{Name: "E/k=2/impl=a", Figures: map[string]float64{"x": 1}}, r.Cases[4])
}

func TestBlocks(t *testing.T) {
	text, err := replaceBlock("a\n<!-- Written by go run ./benchmarks/report -pages, from benchmarks/results. -->\nold<!-- Up to here. -->\nb", "new\n")
	require.NoError(t, err)
	assert.Equal(t, "a\n<!-- Written by go run ./benchmarks/report -pages, from benchmarks/results. -->\nnew\n<!-- Up to here. -->\nb", text)
	_, err = replaceBlock("nothing", "new")
	require.Error(t, err)
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1.00", 12.34: "12.3", 1234: "1234", .00123: "0.0012",
		1234567: "1.23e+06"} {
		assert.Equal(t, want, figure(v))
	}
	assert.Equal(t, []string{"1.50 ns", "1.50 µs", "1.50 ms"}, []string{nanoseconds(1.5), nanoseconds(1500),
		nanoseconds(1.5e6)})
	assert.Equal(t, []string{"0 B", "1.00 KiB", "1.50 MiB"}, []string{memory(-3), memory(1024),
		memory(1.5 * (1 << 20))})
	assert.Equal(t, []string{"1.009", "50.2"}, []string{ratio(1.0086), ratio(50.236)})
	for v, want := range map[float64][2]float64{1: {1, 1}, 3: {2, 5}, 70: {50, 100}, .3: {.2, .5}} {
		assert.InDelta(t, want[0], below(v), 1e-12)
		assert.InDelta(t, want[1], above(v), 1e-12)
	}
}
