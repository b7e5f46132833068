package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

func TestJumpEqualsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		group := randomGroup(r, 1+r.IntN(40))
		model := modelled(group)
		jump := build(t, selector.Jump{}, group)
		for _, h := range probes(r, 30) {
			require.EqualValues(t, place.Jump(model, h), jump.Select(h), "%v, %#x", group, h)
		}
	}
}
