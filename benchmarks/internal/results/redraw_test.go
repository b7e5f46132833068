package results_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

func TestCompareDraws(t *testing.T) {
	figure := func(v, interval float64) map[string]results.Figure {
		return map[string]results.Figure{"ratio": {Value: v, Draws: 20, Interval: interval}, "due": {Value: 1}}
	}
	draws := func(s, u, v float64) *results.Run {
		return &results.Run{Cases: []results.Case{
			{Name: "A/strategy=s/n=1", Figures: figure(s, .3)},
			{Name: "A/strategy=u/n=1", Figures: figure(u, .4)},
			{Name: "A/strategy=v/n=1", Figures: figure(v, .4)},
		}}
	}
	first := draws(1, 2, 2.1)
	assert.Equal(t, results.Redraw{Means: 3, Within: 3, Pairs: 2}, results.CompareDraws(first, draws(1.2, 2.2, 2)),
		"u and v are not told apart, so they may change places")
	g := results.CompareDraws(first, draws(2.05, 2, 2.1))
	assert.Equal(t, [2]int{3, 2}, [2]int{g.Means, g.Within})
	require.Len(t, g.Complaints, 1)
	assert.Contains(t, g.Complaints[0], "A/strategy=u/n=1: ratio is 2 beside 1, and in the other draws 2 beside 2.05")

	other := draws(1, 2, 2.1)
	other.Cases[0].Figures["due"] = results.Figure{Value: 1 + 1e-15}
	assert.Len(t, results.CompareDraws(first, other).Complaints, 1, "an exact figure differs")

	other = draws(1, 2, 2.1)
	other.Cases[2].Name = "A/strategy=w/n=1"
	assert.Equal(t, []string{
		"A: 1 cases only in the first run, such as A/strategy=v/n=1",
		"A: 1 cases only in the second run, such as A/strategy=w/n=1",
	}, results.CompareDraws(first, other).Complaints)

	other = draws(1, 2, 2.1)
	delete(other.Cases[0].Figures, "ratio")
	assert.Len(t, results.CompareDraws(first, other).Complaints, 1, "it has no ratio")
	assert.Len(t, results.CompareDraws(other, first).Complaints, 1, "nor has the first")
}

// TestSameTables counts what several strategies make the same of once.
func TestSameTables(t *testing.T) {
	same := map[string]results.Figure{"ratio": {Value: 1, Draws: 20, Interval: .1}}
	r := &results.Run{Cases: []results.Case{
		{Name: "A/slack=20/n=4", Figures: same}, {Name: "A/slack=50/n=4", Figures: same},
	}}
	assert.Equal(t, results.Redraw{Means: 1, Within: 1}, results.CompareDraws(r, r))
}

// TestRounding wants no difference in the last bits of what all draws have in
// common, such as the deviation of Maglev's shares, and any other.
func TestRounding(t *testing.T) {
	third := results.Figure{Value: 1. / 3, Draws: 20, Interval: 1e-17}
	last := third
	last.Value = math.Nextafter(third.Value, 1)
	assert.False(t, results.Apart(third, last))
	last.Value += 1e-11
	assert.True(t, results.Apart(third, last))
}

// TestDifferencesThatAreNone compares strategies that are alike in all but
// their draws: hardly ever is one told from another, and 19 of 20 means agree.
func TestDifferencesThatAreNone(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	const runs, strategies, groups = 60, 10, 4
	told, agree, means, within := 0, 0, 0, 0
	for range runs {
		var pair [2]*results.Run
		for i := range pair {
			pair[i] = &results.Run{}
			for n := range groups {
				luck := make([]float64, 20) // of the members that all strategies share
				for d := range luck {
					luck[d] = random.ExpFloat64()
				}
				for s := range strategies {
					list := slices.Clone(luck)
					for d := range list {
						list[d] += random.NormFloat64()
					}
					pair[i].Cases = append(pair[i].Cases, results.Case{
						Name:    fmt.Sprintf("A/strategy=%d/n=%d", s, n),
						Figures: map[string]results.Figure{"ratio": results.Mean(list)},
					})
				}
			}
		}
		g := results.CompareDraws(pair[0], pair[1])
		means, within = means+g.Means, within+g.Within
		if g.Pairs > 0 {
			told++
		}
		if g.Agrees() {
			agree++
		}
	}
	assert.LessOrEqual(t, told, runs/10, "of runs, one in twenty is expected at most")
	assert.InDelta(t, .96, float64(within)/float64(means), .02)
	assert.Greater(t, agree, runs*9/10)
}

// TestAgrees refuses a run of which many groups of draws differ.
func TestAgrees(t *testing.T) {
	var a, b results.Run
	for n := range 40 {
		name, off := fmt.Sprintf("A/strategy=s/n=%d", n), 0.
		if n%5 == 0 {
			off = 3
		}
		for run, v := range map[*results.Run]float64{&a: 0, &b: off} {
			run.Cases = append(run.Cases, results.Case{
				Name:    name,
				Figures: map[string]results.Figure{"ratio": {Value: v + float64(n), Draws: 20, Interval: 1}},
			})
		}
	}
	g := results.CompareDraws(&a, &b)
	assert.Equal(t, [2]int{40, 32}, [2]int{g.Means, g.Within})
	assert.InDelta(t, math.Sqrt(.8*.2/39), g.Error, 1e-12, "clusters of one mean: that of a share")
	assert.False(t, g.Agrees())
}
