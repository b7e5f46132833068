package metrics_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// TestRFC2992 checks the shares of flows that move when one of n members leaves
// against those that RFC 2992 derives: (n-1)/n under modulo-N, 1/n under
// highest random weight, and under hash-threshold 1/2 for a member at an end
// and, in the middle of an odd number, 1/4 + 1/(4n). For the middle of 4, 8 and
// 10 the same sum of shifted bounds is 1/3, 2/7 and 5/18.
func TestRFC2992(t *testing.T) {
	hashes := subject.Hashes(1, 1<<20)
	for _, c := range []struct {
		strategy selector.Strategy
		n, leave int
		want     float64
	}{
		{selector.Modulo{}, 4, 3, 3. / 4},
		{selector.Modulo{}, 4, 1, 3. / 4},
		{selector.Modulo{}, 10, 9, 9. / 10},
		{selector.Modulo{}, 101, 50, 100. / 101},
		{selector.Rendezvous{}, 4, 1, 1. / 4},
		{selector.Rendezvous{}, 10, 5, 1. / 10},
		{selector.Threshold{}, 10, 0, 1. / 2},
		{selector.Threshold{}, 10, 9, 1. / 2},
		{selector.Threshold{}, 5, 2, 1./4 + 1./20},
		{selector.Threshold{}, 101, 50, 1./4 + 1./404},
		{selector.Threshold{}, 4, 1, 1. / 3},
		{selector.Threshold{}, 8, 4, 2. / 7},
		{selector.Threshold{}, 10, 5, 5. / 18},
	} {
		t.Run(fmt.Sprintf("%T/%d of %d", c.strategy, c.leave, c.n), func(t *testing.T) {
			all := subject.Members(c.n, 1)
			rest := slices.Delete(slices.Clone(all), c.leave, c.leave+1)
			moves := metrics.Compare(place(t, c.strategy, all, hashes), place(t, c.strategy, rest, hashes))
			const fiveSigmas = 5 * .5 / 1024 // of a share of 2^20 hashes, at most
			assert.InDelta(t, c.want, moves.Moved, fiveSigmas)
			assert.InDelta(t, 1/float64(c.n), moves.Forced, fiveSigmas)
		})
	}
}

func place(t *testing.T, s selector.Strategy, members []selector.Member, hashes []uint64) metrics.Placement {
	t.Helper()
	built, err := selector.New(s, members)
	require.NoError(t, err)
	return metrics.Place(built, members, hashes)
}
