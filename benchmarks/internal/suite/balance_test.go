package suite

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// TestNoiseIsTakenOff wants no deviation of a strategy that gives members what
// they are due, and that of a table from its hashes.
func TestNoiseIsTakenOff(t *testing.T) {
	const n, draws = 100, 10
	sampled := func(s selector.Strategy) map[string]results.Figure {
		var l loads
		for i := range draws {
			members := subject.Set(i).Members(n, 1)
			built, err := selector.New(s, members)
			require.NoError(t, err)
			// without its table
			l.add(struct{ selector.Selector }{built}, members, subject.Hashes(uint64(i), 1<<16), metrics.Zipf(1<<16))
		}
		return l.figures()
	}
	fair := sampled(selector.Threshold{})["rms-error"]
	assert.LessOrEqual(t, fair.Value, fair.Interval)
	assert.Less(t, fair.Value+fair.Interval, .02, "the noise is .039")

	var exact []float64
	for i := range draws {
		p, err := slots(selector.Bounded{}, subject.Set(i).Members(n, 1))
		require.NoError(t, err)
		exact = append(exact, p.Balance().RMSError)
	}
	got := sampled(selector.Bounded{})["rms-error"]
	assert.InDelta(t, results.Mean(exact).Value, got.Value, 2*got.Interval)
	assert.Greater(t, got.Value, got.Interval)
}
