package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

func TestRendezvousEqualsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 60 {
		group := randomGroup(r, 1+r.IntN(20))
		model := modelled(group)
		seed := r.Uint64N(2) * r.Uint64()
		rendezvous := build(t, selector.Rendezvous{Seed: seed}, group)
		for _, h := range probes(r, 4) {
			require.Equal(t, place.Rendezvous(model, seed, h), order(rendezvous, h), "%v, %#x", group, h)
		}
	}
}
