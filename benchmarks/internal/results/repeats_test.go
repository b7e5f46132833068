package results_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// ratios is a run whose other libraries take so many times as long as ours, each
// time told by its own intervals.
func ratios(date string, values map[string]float64) *results.Run {
	blocks := func(ns float64) []float64 { return []float64{ns - .001, ns, ns + .001} }
	r := &results.Run{Origins: []results.Origin{{Date: date}}, Cases: []results.Case{
		{Name: "A/n=1/impl=ecmp", NsPerOp: blocks(100)},
	}}
	for impl, v := range values {
		r.Cases = append(r.Cases, results.Case{Name: "A/n=1/impl=" + impl, NsPerOp: blocks(100 * v)})
	}
	return r
}

// TestRepeats wants a difference told only where it is greater than what runs
// of other hours differ by, and the repeats kept beside the run.
func TestRepeats(t *testing.T) {
	dir := t.TempDir()
	first := ratios("2026-11-27T16:50:15Z", map[string]float64{"even": 1.05, "slow": 3, "quick": .5, "chase": .1})
	first.Cases = append(first.Cases, results.Case{
		Name: "B/impl=ecmp", Figures: results.Exact(map[string]float64{"moved": 1}),
	})
	require.NoError(t, first.Save(dir))
	again := ratios("2026-11-27T23:11:53Z", map[string]float64{"even": .95, "slow": 3.3, "quick": .45, "chase": 1})
	require.NoError(t, results.AddRepeat(dir, again))
	require.ErrorContains(t, results.AddRepeat(dir, &results.Run{Origins: make([]results.Origin, 1)}), "no times")

	r, err := results.Load(dir)
	require.NoError(t, err)
	require.Len(t, r.Repeats, 1)
	told := map[string]bool{}
	for _, x := range r.Ratios() {
		told[results.Value(x.Theirs, "impl")] = r.Told(x)
		if results.Value(x.Theirs, "impl") == "even" {
			assert.InDelta(t, 1.05, x.Value(), 1e-9)
			assert.InDeltaSlice(t, []float64{.95}, x.Again, 1e-9)
			assert.InDelta(t, math.Sqrt(1.05*.95), x.Mean(), 1e-9)
		}
	}
	assert.Equal(t, map[string]bool{"even": false, "slow": true, "quick": true, "chase": true}, told)

	// The pooled variance of three ratios, whose two values differ by ten per
	// cent each; what the machine can do at most is none of them.
	logs := func(a, b float64) float64 { return math.Pow(math.Log(a/b), 2) / 2 }
	spread := math.Sqrt((logs(1.05, .95) + logs(3, 3.3) + logs(.5, .45)) / 3)
	assert.InDelta(t, spread, r.Spread("A"), 1e-9)
	assert.Zero(t, r.Spread("B"))
	assert.InDelta(t, math.Exp(2.576*spread*math.Sqrt(1.5)), r.Margin("A", 2), 1e-9)

	var faster []string
	for _, x := range r.Faster() {
		faster = append(faster, results.Value(x.Theirs, "impl"))
	}
	assert.Equal(t, []string{"even", "quick"}, faster, "even was, in one of the runs")

	third := ratios("", map[string]float64{"even": .9, "slow": 2.8, "quick": 1.1})
	assert.Equal(t, results.Times{Ratios: 3, Near: 2, Told: 2, Reversed: []string{
		"A/n=1/impl=quick takes 0.474 times as long as A/n=1/impl=ecmp, and 1.100 in the other run",
	}}, results.CompareTimes(r, third))
	require.NoError(t, r.Save(dir))
	r, err = results.Load(dir)
	require.NoError(t, err)
	assert.Len(t, r.Repeats, 1, "saving leaves them")
}
