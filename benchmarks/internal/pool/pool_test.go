package pool

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// TestDistributions wants the mean life of a connection that JET's README has:
// 100,000 at a time, 4,687,530 in 1,000 seconds.
func TestDistributions(t *testing.T) {
	assert.InDelta(t, 100_000*1000/4_687_530., mean(lives()), .05)
	for _, steps := range [][]step{lives(), downtimes()} {
		for i := 1; i < len(steps); i++ {
			assert.Less(t, steps[i-1].probability, steps[i].probability)
			assert.Less(t, steps[i-1].seconds, steps[i].seconds)
		}
		assert.InDelta(t, 1, steps[len(steps)-1].probability, 0)
	}
	assert.InDelta(t, .001, value(lives(), 0), 0)
	assert.InDelta(t, 10.43614193, value(lives(), .6), 0)
	assert.InDelta(t, 602.5595861, value(lives(), .9999), 0)
}

func config(s selector.Strategy) Config {
	return Config{Members: 20, Connections: 1000, Updates: 15, Seconds: 400, Strategy: s}
}

func play(t *testing.T, c Config) Outcome {
	t.Helper()
	o, err := Play(c, 5)
	require.NoError(t, err)
	require.Greater(t, o.Connections, 10_000)
	return o
}

func TestPlay(t *testing.T) {
	hashed := play(t, config(selector.Rendezvous{}))
	assert.InEpsilon(t, 1000*400/mean(lives()), hashed.Connections, .1)
	assert.Positive(t, hashed.Broken)
	assert.Less(t, hashed.Chained, hashed.Broken, "most move once")
	assert.Positive(t, hashed.Lost)
	assert.Equal(t, hashed, play(t, config(selector.Rendezvous{})), "in every run alike")

	worse := play(t, config(selector.Modulo{}))
	assert.Equal(t, hashed.Connections, worse.Connections)
	assert.Greater(t, worse.Broken, 3*hashed.Broken)
	assert.Positive(t, worse.Chained)

	sticky := config(selector.Modulo{})
	sticky.Sticky = true
	kept := play(t, sticky)
	assert.Zero(t, kept.Broken, "the table has room for all")
	assert.Positive(t, kept.Lost)
}

// TestChanges wants who leaves to come back, in order of time.
func TestChanges(t *testing.T) {
	g, err := newGateway(config(selector.Modulo{}), 1)
	require.NoError(t, err)
	for _, step := range []struct {
		change
		changed bool
		up      int
	}{
		{change{member: 3}, true, 19}, {change{member: 3}, false, 19}, {change{member: 4}, true, 18},
		{change{member: 3, joins: true}, true, 19}, {change{member: 3, joins: true}, false, 19},
	} {
		changed, err := g.update(step.change)
		require.NoError(t, err)
		assert.Equal(t, step.changed, changed)
		assert.Len(t, g.number, step.up)
		assert.Equal(t, slices.Index(g.number, 4) < 0, g.down[4])
	}
}
