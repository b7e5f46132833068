package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

func TestModuloEqualsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		group := randomGroup(r, 1+r.IntN(40))
		for _, keep := range []bool{false, true} {
			modulo := build(t, selector.Modulo{KeepOrder: keep}, group)
			for _, h := range probes(r, 30) {
				require.EqualValues(t, place.Modulo(modelled(group), keep, h), modulo.Select(h), "%v, %#x", group, h)
			}
		}
	}
}
