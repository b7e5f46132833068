package main

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

func scenarioOf(t *testing.T) (r scenarioReport) {
	t.Helper()
	code, stdout, stderr := forward(t, "-json")
	require.Zero(t, code, stderr)
	assert.Empty(t, stderr)
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	_, again, _ := forward(t, "-json")
	assert.Equal(t, stdout, again, "every run gives the same")
	return r
}

// The rows of the second seed's table. Under the normal hash the expected
// shares are RFC 2992's; sticky flows move only off a pod that is removed.
func TestStickiness(t *testing.T) {
	racecheck.OneGoroutine(t)
	rows := scenarioOf(t).Stickiness
	for i, c := range []struct {
		event   string
		normal  float64 // share of flows that move
		removed bool
	}{
		{"add pod4 to pod1-pod3", 3. / 4, false},
		{"remove pod1 of pod1-pod4", 3. / 4, true},
		{"drain pod2 of pod2-pod4", 2. / 3, false},
		{"scale pod1 to pod1-pod3", 2. / 3, false},
	} {
		r := rows[i]
		assert.Equal(t, c.event, r.Event)
		assert.Greater(t, r.Flows, 300, r.Event)
		n := float64(r.Flows)
		assert.InDelta(t, c.normal, float64(r.MovedNormal)/n, 4*math.Sqrt(c.normal*(1-c.normal)/n), r.Event)
		assert.Equal(t, r.MovedNormal, r.BrokenNormal, r.Event)
		assert.Equal(t, r.MovedSticky, r.BrokenSticky, r.Event)
		if c.removed {
			assert.InDelta(t, 1./3, float64(r.MovedSticky)/n, .12, "pod1 had about a third: pod4 came late")
		} else {
			assert.Zero(t, r.MovedSticky, r.Event)
		}
	}
	assert.Len(t, rows, 4)
}

// A drained pod gets no new flow, and a removed one no packet.
func TestDrainedPodGetsNoNewFlow(t *testing.T) {
	facts, err := factsOf(builtIn)
	require.NoError(t, err)
	s := upAndDown()
	c, err := s.play(facts, selector.Bounded{}, true)
	require.NoError(t, err)
	last := c.phases[2]
	assert.Zero(t, last.opened["pod2"])
	assert.Positive(t, last.opened["pod3"])
	assert.Positive(t, last.opened["pod4"])
	kept := 0
	for _, f := range c.flows {
		if f.seen == 3 {
			assert.NotEqual(t, "pod1", f.member)
			if f.member == "pod2" {
				kept++
			}
		}
	}
	assert.Greater(t, kept, 50, "its flows live on")
	assert.GreaterOrEqual(t, len(c.flows), 500)
}

// A second forwarder whose flow table is empty, or one without, gives every
// flow to the member that the first one gives it, as long as the group is the
// same.
func TestStickinessChangesNoPlacement(t *testing.T) {
	facts, err := factsOf(builtIn)
	require.NoError(t, err)
	s := story{members: pods(3)}
	with, err := s.play(facts, selector.Bounded{}, true)
	require.NoError(t, err)
	without, err := s.play(facts, selector.Bounded{}, false)
	require.NoError(t, err)
	assert.Equal(t, without.flows, with.flows)
}

func TestStrategies(t *testing.T) {
	racecheck.OneGoroutine(t)
	rows := scenarioOf(t).Strategies
	var names []string
	for _, r := range rows {
		if !slices.Contains(names, r.Strategy) {
			names = append(names, r.Strategy)
		}
		row := catalog.All()[slices.Index(catalog.Names(), r.Strategy)]
		assert.Equal(t, r.Moved, r.Forced+r.Collateral)
		due := 1. / 4 // of the hashes, for the pod that comes or goes
		if strings.HasPrefix(r.Event, "drain") {
			due = 1. / 3
		}
		uneven := .01
		switch {
		case r.Strategy == "ring":
			uneven = .08 // of its due, one standard deviation: see selector.Ring
		case r.Hashes < 1<<16:
			uneven = 5 / math.Sqrt(float64(r.Hashes)) // the slots of a small table
		}
		assert.InDelta(t, due, float64(r.Forced)/float64(r.Hashes), uneven, "%s, %s", r.Strategy, r.Event)
		assert.InDelta(t, 1, r.PeakToMean, uneven, r.Strategy)
		assert.LessOrEqual(t, float64(r.Collateral), (row.Disruption-1)*float64(r.Forced), r.Strategy)
		if r.Strategy == "modulo" {
			assert.Greater(t, r.Collateral, r.Forced/2)
		}
	}
	assert.Equal(t, catalog.Names(), names)
	assert.Len(t, rows, 3*len(names))
}

// The keys of the JSON are what its readers rely on.
func TestScenarioJSON(t *testing.T) {
	racecheck.OneGoroutine(t)
	_, stdout, _ := forward(t, "-json")
	var got map[string][]map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	assert.Len(t, got, 2)
	for _, key := range []string{"event", "flows", "movedNormal", "movedSticky", "brokenNormal", "brokenSticky"} {
		assert.Contains(t, got["stickiness"][0], key)
	}
	for _, key := range []string{"strategy", "event", "moved", "forced", "collateral", "peakToMean"} {
		assert.Contains(t, got["strategies"][0], key)
	}
}

func TestScenarioText(t *testing.T) {
	racecheck.OneGoroutine(t)
	code, stdout, stderr := forward(t)
	require.Zero(t, code, stderr)
	for _, want := range []string{
		"720 flows over pod1, pod2 and pod3", "172.16.0.20 and 2001:db8:ac10::14",
		"add pod4 to pod1-pod3", "scale pod1 to pod1-pod3", "rendezvous", "peak-to-mean",
		"Drained, pod2 keeps its flows and got 0 of the",
	} {
		assert.Contains(t, stdout, want)
	}
	assert.NotContains(t, stdout, "\t")
}
