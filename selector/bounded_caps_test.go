package selector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCapsAddUp: to the table and the slack, or more if a single member is due
// more than the table.
func TestCapsAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	for range 500 {
		n := 1 + r.IntN(100)
		l := lineup{weights: make([]uint32, n)}
		hashes := make([]boundedHashes, n)
		for k := range n {
			l.weights[k] = 1 + r.Uint32N(1<<r.IntN(25))
			l.total += uint64(l.weights[k])
			hashes[k].share = r.Uint64() >> 60 << 60 // many ties
		}
		size, slack := uint64(1)<<(7+r.IntN(16)), Slack(r.Uint32N(2000))
		if slack == 1 {
			slack = NoSlack
		}
		all, sum, cut := (size*(1000+slack.thousandths())+999)/1000, uint64(0), false
		for k, c := range boundedCaps(&l, size, slack, hashes) {
			due := all * uint64(l.weights[k])
			require.LessOrEqual(t, uint64(c), due/l.total+1)
			require.GreaterOrEqual(t, uint64(c), min(due/l.total, size))
			sum += uint64(c)
			cut = cut || uint64(c) == size
		}
		if cut {
			require.GreaterOrEqual(t, sum, size)
		} else {
			require.Equal(t, all, sum)
		}
	}
}
