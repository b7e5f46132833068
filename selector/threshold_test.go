package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

func TestThresholdEqualsModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(1, 8))
	for range 300 {
		group := randomGroup(r, 1+r.IntN(40))
		for _, keep := range []bool{false, true} {
			threshold := build(t, selector.Threshold{KeepOrder: keep}, group)
			for _, h := range probes(r, 30) {
				require.EqualValues(t, place.Threshold(modelled(group), keep, h), threshold.Select(h), "%v, %#x",
					group, h)
			}
		}
	}
}
