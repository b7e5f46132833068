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
		Origins: []results.Origin{{
			Date: "2026-11-25T00:00:00Z", Go: "go1.26", CPU: "a CPU",
			Modules: []results.Module{{Path: "example.com/a", Version: "v1"}},
		}},
		Cases: []results.Case{
			{Name: "Remap/strategy=a/event=add", Figures: map[string]results.Figure{
				"moved-share": {Value: 1. / 3}, "ratio": results.Mean([]float64{.5, 1, 1.5})}},
			{Name: "Select/strategy=a/n=10/impl=ecmp/form=one", NsPerOp: []float64{3, 1, 2}},
			{Name: "Select/strategy=a/n=10/impl=other/form=one", NsPerOp: []float64{4, 5, 6},
				Figures: results.Exact(map[string]float64{"held-bytes": 7})},
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
	assert.Contains(t, string(text), "BenchmarkRemap/strategy=a/event=add 1\t0.3333333333333333 moved-share\t1 "+
		"ratio\n")
	assert.Equal(t, 3, strings.Count(string(text), "BenchmarkSelect/strategy=a/n=10/impl=ecmp/form=one 1\t"),
		"a line for each block")

	_, err = results.Load(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, results.JSONFile), []byte("{"), 0o600))
	_, err = results.Load(dir)
	require.ErrorContains(t, err, results.JSONFile)
	r := run()
	r.Cases[0].Origin = 1
	require.NoError(t, r.Save(dir))
	_, err = results.Load(dir)
	require.ErrorContains(t, err, "nobody measured it")
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
		OurTime: 2, TheirTime: 5,
	}}, run().Ratios())
}

func TestCompare(t *testing.T) {
	g := results.Compare(run(), run())
	assert.Equal(t, results.Agreement{Ratios: 1, Figures: 2}, g)

	for name, c := range map[string]struct {
		change func(r *results.Run)
		want   string
	}{
		"a figure of placement differs a little": {func(r *results.Run) {
			r.Cases[0].Figures["moved-share"] = results.Figure{Value: 1./3 + 1e-16}
		}, "moved-share"},
		"the worst draw differs": {func(r *results.Run) {
			r.Cases[0].Figures["ratio"] = results.Mean([]float64{.4, 1, 1.6})
		}, "ratio"},
		"a figure is missing": {func(r *results.Run) { delete(r.Cases[0].Figures, "ratio") },
			"no ratio in the second"},
		"a figure is new": {func(r *results.Run) { r.Cases[0].Figures["new"] = results.Figure{Value: 1} },
			"no new in the first"},
		"a case is missing": {func(r *results.Run) { r.Cases = r.Cases[1:] }, "only in the first"},
		"a case is new": {func(r *results.Run) { r.Cases = append(r.Cases, results.Case{Name: "New"}) },
			"New: 1 cases only in the second"},
		"a ratio is 26 % off": {func(r *results.Run) { r.Cases[2].NsPerOp = []float64{5 * 1.26} }, "26 % off"},
		"a ratio is 26 % off downwards": {func(r *results.Run) { r.Cases[2].NsPerOp = []float64{5 / 1.26} },
			"26 % off"},
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
			r.Cases[1].NsPerOp, r.Cases[2].NsPerOp = []float64{20}, []float64{50}
		},
		"a ratio is 24 % off": func(r *results.Run) { r.Cases[2].NsPerOp = []float64{5 * 1.24} },
		"a case has another origin too": func(r *results.Run) {
			r.Cases = append(r.Cases, results.Case{Name: r.Cases[0].Name, Origin: 1})
		},
		"memory differs": func(r *results.Run) { r.Cases[2].Figures["held-bytes"] = results.Figure{Value: 8} },
	} {
		other := run()
		change(other)
		assert.Empty(t, results.Compare(run(), other).Complaints, name)
		assert.Empty(t, results.Compare(other, run()).Complaints, name)
	}
}

// TestCompareQuickAndFull tells shortly of what one of them has not.
func TestCompareQuickAndFull(t *testing.T) {
	quick := run()
	quick.Quick, quick.Cases = true, quick.Cases[1:]
	g := results.Compare(quick, run())
	assert.Empty(t, g.Complaints)
	require.Len(t, g.Notes, 1)
	assert.Contains(t, g.Notes[0], "1 cases only in the second run, such as "+run().Cases[0].Name)
	quick.Cases[0].NsPerOp = []float64{100}
	assert.NotEmpty(t, results.Compare(quick, run()).Complaints, "what both have is compared")
}

func TestNames(t *testing.T) {
	const name = "Select/strategy=maglev/n=10/impl=ecmp/form=one"
	assert.Equal(t, "Select/strategy=maglev/n=10", results.Pair(name))
	assert.Equal(t, "Select/n=10", results.Contest(name))
	assert.Equal(t, "Select/n=10", results.Contest("Select/strategy=anchor/n=10/gone=50pct/impl=ecmp"))
	assert.Equal(t, "10", results.Value(name, "n"))
	assert.Empty(t, results.Value(name, "m"))
	assert.Equal(t, "Select", results.Suite(name))
}

func TestFilter(t *testing.T) {
	const name = "Select/strategy=maglev/n=10"
	for text, want := range map[string]bool{
		"": true, "Select": true, "strategy=maglev": true, "Build, Select, n=100,n=10": true,
		"select": false, "strategy=mag": false, "Select,n=100": false, "form=one": false,
	} {
		assert.Equal(t, want, results.ParseFilter(text).Match(name), text)
	}
}

func TestMean(t *testing.T) {
	f := results.Mean([]float64{1, 2, 3, 4})
	assert.Equal(t, results.Figure{Value: 2.5, Draws: 4, Least: 1, Most: 4, Interval: f.Interval}, f)
	assert.InDelta(t, 3.182*1.291/2, f.Interval, .001, "by Student's distribution of 3 degrees of freedom")
	assert.Zero(t, results.Mean([]float64{1}).Interval)
}

// TestMerge renews a case and adds one, measured elsewhere.
func TestMerge(t *testing.T) {
	r := run()
	rank := func(name string) int { return strings.Count(name, "n=") }
	elsewhere := results.Origin{CPU: "another CPU"}
	r.Merge(elsewhere, []results.Case{
		{Name: "Select/strategy=a/n=20/impl=other/form=one", NsPerOp: []float64{8}},
		{Name: "Remap/strategy=b/event=add"},
	}, rank)
	names := []string{}
	for _, c := range r.Cases {
		names = append(names, c.Name)
		assert.Equal(t, strings.Contains(c.Name, "n=20") || strings.Contains(c.Name, "=b"), c.Origin == 1, c.Name)
	}
	assert.Equal(t, []string{
		"Remap/strategy=a/event=add", "Remap/strategy=b/event=add",
		"Select/strategy=a/n=10/impl=ecmp/form=one", "Select/strategy=a/n=10/impl=other/form=one",
		"Select/strategy=a/n=20/impl=other/form=one",
	}, names)
	assert.Len(t, r.Origins, 2)
	assert.True(t, r.Has("strategy", "b"))

	r.Merge(elsewhere, r.Cases, rank)
	assert.Equal(t, []results.Origin{elsewhere}, r.Origins, "the others have nothing left")
	assert.Zero(t, r.Cases[4].Origin)
	assert.Equal(t, "Remap/strategy=b/event=add", r.Cases[1].Name)
}

// TestRatiosAreOfOneOrigin compares nothing across machines, and prefers what
// was measured first.
func TestRatiosAreOfOneOrigin(t *testing.T) {
	r := run()
	r.Origins = append(r.Origins, results.Origin{CPU: "another CPU"})
	second := func(c results.Case, ns float64) results.Case {
		time := map[string]results.Figure{results.Time: {Value: ns, Draws: 15}}
		return results.Case{Name: c.Name, Origin: 1, Figures: time}
	}
	r.Cases = append(r.Cases, second(r.Cases[3], 5))
	assert.Len(t, r.Ratios(), 1)
	r.Cases = append(r.Cases, second(r.Cases[1], 1), second(r.Cases[2], 7))
	require.Len(t, r.Ratios(), 1)
	assert.InDelta(t, 2.5, r.Ratios()[0].Value(), 0)
	r.Cases[2].Origin = 1
	require.Len(t, r.Ratios(), 1)
	assert.InDelta(t, 5, r.Ratios()[0].Value(), 0)
}
