package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

func affinity(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

// Whatever the seed: who knows no keys has few hits, a cap holds the peak, and
// costs hits. Nobody with keys is as even as the least loaded.
func TestComparison(t *testing.T) {
	racecheck.OneGoroutine(t)
	var hits []float64
	for _, seed := range []string{"1", "2"} {
		code, out, errs := affinity("-json", "-requests", "2000", "-seed", seed)
		require.Zero(t, code, errs)
		var r report
		require.NoError(t, json.Unmarshal([]byte(out), &r))
		rules, other := map[string]outcome{}, map[string]outcome{}
		for _, o := range r.Rules {
			rules[o.Rule] = o
			assert.Equal(t, 1800, o.Requests, o.Rule)
			assert.GreaterOrEqual(t, o.Peak, 1.0, o.Rule)
			assert.GreaterOrEqual(t, o.Slowest, o.FirstToken, o.Rule)
		}
		for _, o := range r.Keys {
			other[o.Rule+" "+o.Key] = o
		}
		require.Len(t, rules, 8)
		ours, free, even := rules["this router"], rules["this router, no cap"], rules["least loaded"]
		assert.InDelta(t, 0.84, ours.HitRate, 0.03, seed)
		assert.Greater(t, ours.HitRate, 1.5*rules["round robin"].HitRate, seed)
		assert.Greater(t, ours.HitRate, 1.5*even.HitRate, seed)
		assert.Greater(t, free.HitRate, ours.HitRate, "seed %s: a cap costs hits", seed)
		assert.Greater(t, ours.HitRate, rules["likewise, as kubeai"].HitRate, "seed %s: its cap is lower", seed)
		assert.InDelta(t, ours.HitRate, rules["ring, bounded loads"].HitRate, 0.04, "seed %s: the caps are equal", seed)
		assert.Greater(t, rules["longest match, as aibrix"].HitRate, ours.HitRate, "seed %s: it knows the caches", seed)

		assert.Less(t, ours.Peak, 1.35, seed)
		assert.Less(t, ours.Peak, free.Peak, seed)
		assert.Greater(t, rules["ring"].Peak, 1.2*ours.Peak, seed)
		assert.Less(t, even.Peak, ours.Peak, seed)
		for _, rule := range []string{"this router", "ring, bounded loads"} {
			assert.Less(t, rules[rule].Worst, 1.25+1/4.0, "%s, seed %s: rounded up, at a mean of 4 or more", rule, seed)
		}
		assert.LessOrEqual(t, rules["likewise, as kubeai"].Worst, 1.25, seed)
		assert.Greater(t, other["this router, no cap tenant"].Peak, 1.8*other["this router tenant"].Peak,
			"seed %s: some tenants are in great demand", seed)
		hits = append(hits, ours.HitRate)
	}
	assert.NotEqual(t, hits[0], hits[1], "another seed is another trace")
}

// The output is a function of the arguments.
func TestSameSeedSameOutput(t *testing.T) {
	racecheck.OneGoroutine(t)
	code, want, errs := affinity("-requests", "1000")
	require.Zero(t, code, errs)
	_, again, _ := affinity("-requests", "1000")
	assert.Equal(t, want, again)
	assert.Contains(t, want, "1000 requests by seed 1")
	assert.Contains(t, want, "Lowest peak: least loaded. ")
	assert.Contains(t, want, "600 of 600 were answered. Server6 was drained after 300,")
	assert.Contains(t, want, " in flight. It got 0 more, and was removed after 3")
}

func TestBadArguments(t *testing.T) {
	for want, args := range map[string][]string{
		`not between 1000 and 1000000`: {"-requests", "999"},
		`0.9 is not between 1 and 100`: {"-factor", "0.9"},
		`NaN is not between 1 and 100`: {"-factor", "NaN"},
		`none of session, prefix`:      {"-key", "user"},
		`unexpected argument`:          {"1000"},
	} {
		code, out, errs := affinity(args...)
		assert.Equal(t, commandline.Usage, code, want)
		assert.Empty(t, out)
		assert.Contains(t, errs, want)
	}
}

// The part that is the example stays short.
func TestExampleIsShort(t *testing.T) {
	text, err := os.ReadFile("router.go")
	require.NoError(t, err)
	assert.LessOrEqual(t, bytes.Count(text, []byte("\n")), 90)
}
