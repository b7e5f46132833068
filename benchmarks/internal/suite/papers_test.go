package suite

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// TestFailures wants k of 1,000 members' slots to change, and no others where
// nothing moves without need.
func TestFailures(t *testing.T) {
	for _, k := range []int{1, 10} {
		f, err := failures(selector.Bounded{Slack: selector.UnlimitedSlack}, 7, k)
		require.NoError(t, err)
		assert.Zero(t, f["surviving-share"])
		assert.InDelta(t, float64(k)/maglevMembers, f["changed-share"], .0005*float64(k))
		f, err = failures(selector.Maglev{}, 7, k)
		require.NoError(t, err)
		assert.Positive(t, f["surviving-share"])
	}
}

// TestTracked wants just the connections pinned that members of the horizon
// would get.
func TestTracked(t *testing.T) {
	f, err := tracked(selector.Rendezvous{}, 3, 9, 3)
	require.NoError(t, err)
	assert.InDelta(t, .25, f["tracked-share"], .01)
	_, err = tracked(selector.Maglev{}, 3, 9, 3)
	require.ErrorIs(t, err, selector.ErrNotMinimal)
}

// TestSpaced measures the arcs of a ring of two points.
func TestSpaced(t *testing.T) {
	members := subject.Set(1).Members(2, 1)
	exact, err := placedShares(selector.Ring{Points: 1}, members, spaced(1<<20))
	require.NoError(t, err)
	built, err := selector.New(selector.Ring{Points: 1}, members)
	require.NoError(t, err)
	sampled := metrics.Place(built, members, subject.Hashes(1, 1<<20)).Balance()
	assert.InDelta(t, sampled.PeakToMean, exact["peak-to-mean"], .01)
	assert.Greater(t, spaced(3)[2], spaced(3)[1])
	assert.NotZero(t, spaced(3)[1])
}

// TestRemoval compares what a member's removal moves with what it had, of
// members of whom some left before.
func TestRemoval(t *testing.T) {
	all := subject.Set(1).Members(20, 1)
	for _, s := range []selector.Strategy{selector.Anchor{}, selector.Rendezvous{}} {
		m, err := removal(s, all, all[:10], 5, subject.Hashes(1, 1<<16))
		require.NoError(t, err)
		assert.InDelta(t, .1, m.Moved, .01)
		assert.Zero(t, m.Collateral)
	}
}

// TestPapersTimed wants times of builds, and of nothing else.
func TestPapersTimed(t *testing.T) {
	s, timed := Papers(), 0
	for _, c := range s.Cases(Full()) {
		if s.TimeCounts(c.Name) {
			assert.Contains(t, c.Name, "section=5.3")
			timed++
		} else {
			assert.NotContains(t, c.Name, "section=5.3")
		}
	}
	assert.Equal(t, 4, timed)
}
