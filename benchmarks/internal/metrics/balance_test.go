package metrics_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/selector"
)

func TestSampledIsTheBalanceOfAPlacement(t *testing.T) {
	m := members("a", 1, "b", 2, "c", 3)
	built, err := selector.New(selector.Bounded{}, m)
	require.NoError(t, err)
	const n = 1024*9 + 5
	hashes := make([]uint64, n)
	r := rand.NewPCG(7, 0)
	for i := range hashes {
		hashes[i] = r.Uint64()
	}
	assert.Equal(t, metrics.Place(built, m, hashes).Balance(), metrics.Sampled(built.(selector.BatchSelector), m, n))
}
