package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// TestSlotsRule wants the fewest slots a member from which on no group is
// worse, even if one with fewer slots is good by chance.
func TestSlotsRule(t *testing.T) {
	r := new(results.Run)
	for _, g := range []struct {
		slots, n    int
		least, move float64
	}{
		{1024, 64, .80, 1.3}, {1024, 32, .95, 1.0}, {1024, 16, .84, 1.1}, {4096, 32, .86, 1.1}, {4096, 16, .91, 1.04},
		{65536, 64, .95, 1.005}, {65536, 8, .1, 9}, {65536, 100, .93, 1.01},
	} {
		name := fmt.Sprintf("Slack/strategy=bounded/slots=%d/slack=50/n=%d/", g.slots, g.n)
		add := func(name, unit string, v float64) {
			r.Cases = append(r.Cases, results.Case{Name: name, Figures: results.Exact(map[string]float64{unit: v})})
		}
		add(name+"weights=equal", "low-to-mean", g.least)
		add(name+"event=remove", "disruption-ratio", g.move)
	}
	got, err := slotsRule(r)
	require.NoError(t, err)
	assert.Contains(t, got, "from 128 slots a member on among 10 to 64 members, and from 128 among more;"+
		" .9 and 1.05 from 256 and 256; .94 and 1.01 from 1024 and 1024.")
	r.Cases[len(r.Cases)-2].Figures = results.Exact(map[string]float64{"low-to-mean": .84}) // among 100
	got, err = slotsRule(r)
	require.NoError(t, err)
	assert.Contains(t, got, "from 128 slots a member on among 10 to 64 members, and from 1024 among more;")
}
