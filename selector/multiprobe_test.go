package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

func TestMultiProbeEqualsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 2))
	for range 40 {
		group := randomGroup(r, 1+r.IntN(20))
		for i := range group {
			group[i].Weight >>= 8 * r.Uint32N(2) // the model is slow
		}
		group[0].Weight |= 1
		number := 1 + r.IntN(5)
		seed := r.Uint64N(2) * r.Uint64()
		multi := build(t, selector.MultiProbe{Probes: uint32(number), Seed: seed}, group)
		list := []uint64{0, 1 << 63, r.Uint64(), r.Uint64() << 32}
		for _, h := range list[:1+min(3, 100/len(group)/number)] {
			require.Equal(t, place.MultiProbe(modelled(group), number, seed, h), order(multi, h), "%v, %#x", group, h)
		}
	}
}
