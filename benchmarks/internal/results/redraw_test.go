package results_test

import (
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
}
