package scenario_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/scenario"
	"github.com/ecmp-go/ecmp/selector"
)

func TestTrace(t *testing.T) {
	trace := scenario.NewTrace(1)
	t.Log(len(trace.Flows), "flows,", len(trace.Packets), "packets")
	assert.Equal(t, trace, scenario.NewTrace(1))
	assert.NotEqual(t, trace, scenario.NewTrace(2))
	last, longest := make([]time.Duration, len(trace.Flows)), time.Duration(0)
	at := time.Duration(0)
	for _, p := range trace.Packets {
		require.GreaterOrEqual(t, p.At, at)
		at = p.At
		if p.Kind == scenario.Opens {
			require.Zero(t, last[p.Flow])
		} else {
			require.NotZero(t, last[p.Flow])
			longest = max(longest, p.At-last[p.Flow])
		}
		last[p.Flow] = at
	}
	assert.Greater(t, longest, 350*time.Second, "tails are heavy")
}

// TestOutcomes holds what the library promises about flows that live.
func TestOutcomes(t *testing.T) {
	trace := scenario.NewTrace(1)
	events, policies := map[string]scenario.Event{}, map[string]scenario.Policy{}
	for _, e := range scenario.Events(1) {
		events[e.Name] = e
	}
	for _, p := range scenario.Policies() {
		policies[p.Name] = p
	}
	play := func(event string, s selector.Strategy, policy string) scenario.Outcome {
		o, err := scenario.Play(trace, events[event], s, policies[policy])
		require.NoError(t, err)
		require.Greater(t, o.Exposed, 1000)
		t.Logf("%-16s %T %-20s %+v", event, s, policy, o)
		return o
	}
	share := func(o scenario.Outcome) float64 { return float64(o.Broken) / float64(o.Exposed) }

	// The first seed: an active flow is computed anew after 30 s, across a
	// changed group. Ten elevenths of those that live on break.
	anew := play("scale-up", selector.Modulo{}, "recompute-30s")
	assert.InDelta(t, .8, share(anew), .1)
	assert.InDelta(t, 1./11, share(play("scale-up", selector.Rendezvous{}, "hash")), .03)
	kept := play("scale-up", selector.Modulo{}, "sticky-350s")
	assert.LessOrEqual(t, kept.Broken, pause(trace, 350*time.Second),
		"only connections that pause for longer than the timeout break")
	assert.Less(t, share(kept), .05)
	assert.Greater(t, share(play("scale-up", selector.Modulo{}, "sticky-30s")), share(kept))

	// The first seed: a flow enters at a new gateway.
	alone := play("new-gateway", selector.Modulo{}, "sticky-350s")
	assert.Greater(t, share(alone), .1)
	assert.Less(t, share(play("new-gateway", selector.Modulo{}, "sticky-350s-shared")), .05)

	// Of a member that leaves, connections are lost, and with a minimal
	// strategy no others.
	down := play("scale-down", selector.Rendezvous{}, "hash")
	assert.Zero(t, down.Broken)
	assert.InDelta(t, .1, float64(down.Lost)/float64(down.Exposed), .03)
	assert.Equal(t, down, play("scale-down", selector.Rendezvous{}, "hash"), "in every run alike")
}

// pause returns how many flows of a trace pause for longer than that.
func pause(trace *scenario.Trace, longer time.Duration) int {
	last, flows := make([]time.Duration, len(trace.Flows)), map[int32]bool{}
	for _, p := range trace.Packets {
		if p.Kind != scenario.Opens && p.At-last[p.Flow] > longer {
			flows[p.Flow] = true
		}
		last[p.Flow] = p.At
	}
	return len(flows)
}

// TestExposed plays the flows alone that live across a change, and wants what
// becomes of all of them.
func TestExposed(t *testing.T) {
	trace := scenario.NewTrace(2)
	for _, e := range scenario.Events(2) {
		exposed := trace.Exposed(e)
		assert.Less(t, len(exposed.Flows), len(trace.Flows)/2, e.Name)
		for _, p := range scenario.Policies() {
			if p.Share && e.Roam == 0 || p.Idle > 0 && p.Idle < 350*time.Second {
				continue
			}
			want, err := scenario.Play(trace, e, selector.Jump{}, p)
			require.NoError(t, err)
			got, err := scenario.Play(exposed, e, selector.Jump{}, p)
			require.NoError(t, err)
			assert.Equal(t, want, got, "%s %s", e.Name, p.Name)
			assert.Equal(t, len(exposed.Flows), got.Exposed, e.Name)
		}
	}
}
