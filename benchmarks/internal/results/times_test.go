package results_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// TestCompareTimes wants a ratio that is reversed of those that the first run
// tells, and no other.
func TestCompareTimes(t *testing.T) {
	run := func(ours, quick, near, slow float64) *results.Run {
		blocks := func(ns float64) []float64 { return []float64{ns - .1, ns, ns, ns + .1} }
		return &results.Run{Origins: make([]results.Origin, 1), Cases: []results.Case{
			{Name: "A/n=1/impl=ecmp", NsPerOp: blocks(ours)},
			{Name: "A/n=1/impl=quick", NsPerOp: blocks(quick)},
			{Name: "A/n=1/impl=near", NsPerOp: blocks(near)},
			{Name: "A/n=1/impl=slow", NsPerOp: blocks(slow)},
		}}
	}
	first := run(10, 8, 10.05, 20)
	assert.Equal(t, results.Times{Ratios: 3, Near: 3, Told: 2}, results.CompareTimes(first, run(20, 16, 19.5, 42)),
		"of another machine; near is not told from ours")
	assert.Equal(t, results.Times{Ratios: 3, Near: 2, Told: 2, Reversed: []string{
		"A/n=1/impl=slow takes 2.000 times as long as A/n=1/impl=ecmp, and 0.900 in the other run",
	}}, results.CompareTimes(first, run(10, 8, 10, 9)))
	assert.Zero(t, results.CompareTimes(first, &results.Run{}))
}
