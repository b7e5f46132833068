package results_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// TestFaster wants every pair that another library wins, in whatever suite, and
// none that the intervals do not tell apart.
func TestFaster(t *testing.T) {
	blocks := func(ns, apart float64) []float64 { return []float64{ns - apart, ns, ns, ns + apart} }
	r := &results.Run{Origins: make([]results.Origin, 1), Cases: []results.Case{
		{Name: "A/n=1/impl=ecmp", NsPerOp: blocks(10, .1)},
		{Name: "A/n=1/impl=quick", NsPerOp: blocks(8, .1)},
		{Name: "A/n=1/impl=near", NsPerOp: blocks(9.9, .2)},
		{Name: "A/n=1/impl=slow", NsPerOp: blocks(20, .1)},
		{Name: "A/n=2/impl=ecmp/form=one", NsPerOp: blocks(10, 5)},
		{Name: "A/n=2/impl=ecmp/form=batch32", NsPerOp: blocks(9, .1)},
		{Name: "A/n=2/impl=quick/form=one", NsPerOp: blocks(8, .1)},
		{Name: "A/n=1/impl=chase", NsPerOp: blocks(1, .1)},
		{Name: "B/impl=ecmp", Figures: results.Exact(map[string]float64{results.Time: 5})},
		{Name: "B/impl=quick", Figures: results.Exact(map[string]float64{results.Time: 4})},
	}}
	var got []string
	for _, x := range r.Faster() {
		got = append(got, x.Ours+" "+x.Theirs)
	}
	assert.Equal(t, []string{
		"A/n=1/impl=ecmp A/n=1/impl=quick",
		"A/n=2/impl=ecmp/form=batch32 A/n=2/impl=quick/form=one",
		"B/impl=ecmp B/impl=quick",
	}, got)
}
