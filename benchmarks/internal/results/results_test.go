package results_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

func run() *results.Run {
	return &results.Run{
		Date: "2026-11-25T00:00:00Z", Go: "go1.26", CPU: "a CPU",
		Modules: []results.Module{{Path: "example.com/a", Version: "v1"}},
		Cases: []results.Case{
			{Name: "Remap/strategy=a/event=add", Figures: map[string]float64{"moved-share": 1. / 3, "ratio": 1}},
			{Name: "Select/strategy=a/n=10/impl=ecmp/form=one", NsPerOp: []float64{3, 1, 2}},
			{Name: "Select/strategy=a/n=10/impl=other/form=one", NsPerOp: []float64{4, 5, 6},
				Figures: map[string]float64{"held-bytes": 7}},
			{Name: "Select/strategy=a/n=20/impl=other/form=one", NsPerOp: []float64{9}},
		},
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, run().Save(dir))
	got, err := results.Load(dir)
	require.NoError(t, err)
	assert.Equal(t, run(), got)

	text, err := os.ReadFile(filepath.Join(dir, results.TextFile))
	require.NoError(t, err)
	assert.Contains(t, string(text), "cpu: a CPU\n")
	assert.Contains(t, string(text), "BenchmarkRemap/strategy=a/event=add 1\t0.3333333333333333 moved-share\t1 ratio\n")
	assert.Equal(t, 3, strings.Count(string(text), "BenchmarkSelect/strategy=a/n=10/impl=ecmp/form=one 1\t"),
		"a line for each block")

	_, err = results.Load(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, results.JSONFile), []byte("{"), 0o600))
	_, err = results.Load(dir)
	require.ErrorContains(t, err, results.JSONFile)
}

func TestValue(t *testing.T) {
	r := run()
	for _, c := range []struct {
		name, unit string
		want       float64
	}{{"Remap/strategy=a/event=add", "ratio", 1}, {"Select/strategy=a/n=10/impl=ecmp/form=one", "ns/op", 2}} {
		got, err := r.Value(c.name, c.unit)
		require.NoError(t, err)
		assert.InDelta(t, c.want, got, 0)
	}
	for _, c := range [][2]string{{"Remap/strategy=b/event=add", "ratio"}, {"Remap/strategy=a/event=add", "ns/op"},
		{"Remap/strategy=a/event=add", "x"}} {
		_, err := r.Value(c[0], c[1])
		require.ErrorContains(t, err, c[0])
	}
}

func TestRatiosAreOfTheSameWork(t *testing.T) {
	assert.Equal(t, []results.Ratio{{
		Ours: "Select/strategy=a/n=10/impl=ecmp/form=one", Theirs: "Select/strategy=a/n=10/impl=other/form=one",
		Value: 2.5,
	}}, run().Ratios())
}

func TestCompare(t *testing.T) {
	g := results.Compare(run(), run())
	assert.Equal(t, results.Agreement{Ratios: 1, Figures: 2}, g)

	for name, c := range map[string]struct {
		change func(r *results.Run)
		want   string
	}{
		"a figure of placement differs a little": {func(
			r *results.Run) {
			r.Cases[0].Figures["moved-share"] += 1e-16
		}, "moved-share"},
		"a figure is missing": {func(r *results.Run) { delete(r.Cases[0].Figures, "ratio") },
			"no ratio in the second"},
		"a figure is new": {func(r *results.Run) { r.Cases[0].Figures["new"] = 1 },
			"no new in the first"},
		"a case is missing": {func(r *results.Run) { r.Cases = r.Cases[1:] }, "only in the first"},
		"a case is new": {func(r *results.Run) {
			r.Cases = append(r.Cases,
				results.Case{Name: "New"})
		}, "New: only in the second"},
		"a ratio is 26 % off": {func(
			r *results.Run) {
			r.Cases[2].NsPerOp = []float64{5 * 1.26}
		}, "26 % off"},
		"a ratio is 26 % off downwards": {func(
			r *results.Run) {
			r.Cases[2].NsPerOp = []float64{5 / 1.26}
		}, "26 % off"},
	} {
		t.Run(name, func(t *testing.T) {
			other := run()
			c.change(other)
			g := results.Compare(run(), other)
			require.Len(t, g.Complaints, 1)
			assert.Contains(t, g.Complaints[0], c.want)
		})
	}
	for name, change := range map[string]func(r *results.Run){
		"times differ and ratios don't": func(r *results.Run) {
			r.Cases[1].NsPerOp,
				r.Cases[2].NsPerOp = []float64{20}, []float64{50}
		},
		"a ratio is 24 % off": func(r *results.Run) { r.Cases[2].NsPerOp = []float64{5 * 1.24} },
		"memory differs":      func(r *results.Run) { r.Cases[2].Figures["held-bytes"] = 8 },
	} {
		other := run()
		change(other)
		assert.Empty(t, results.Compare(run(), other).Complaints, name)
	}
}
