package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

func TestRingEqualsModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(10, 1))
	for range 40 {
		group := randomGroup(r, 1+r.IntN(20))
		points := 1 + r.IntN(30)
		seed := r.Uint64N(2) * r.Uint64()
		ring := build(t, selector.Ring{Points: uint32(points), Seed: seed}, group)
		for _, h := range probes(r, 2) {
			require.Equal(t, place.Ring(modelled(group), points, seed, h), order(ring, h), "%v, %#x", group, h)
		}
	}
}
