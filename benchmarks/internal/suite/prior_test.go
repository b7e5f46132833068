package suite

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPrior draws twice, and holds every rule to what all of them promise.
func TestPrior(t *testing.T) {
	const n, slots = 6, 1 << 12
	got, err := priorDraw(3, n, slots, true)
	require.NoError(t, err)
	again, err := priorDraw(3, n, slots, true)
	require.NoError(t, err)
	assert.Equal(t, got, again)
	other, err := priorDraw(4, n, slots, true)
	require.NoError(t, err)
	for name, figures := range got {
		if strings.HasSuffix(name, "event=remove") {
			assert.NotEqual(t, figures, other[name], "%s: of other draws", name)
		}
		if strings.Contains(name, "slack=unlimited") && strings.Contains(name, "event=") {
			assert.InDelta(t, 1, figures["disruption-ratio"], 1e-9, "%s: it is minimal", name)
		}
	}
	assert.ElementsMatch(t, priorNames(n), slices.Collect(func(yield func(string) bool) {
		for name := range got {
			if !yield(name) {
				return
			}
		}
	}))
	assert.InDelta(t, 1, got["rule=dxhash/slack=unlimited/n=6/event=upgrade"]["moved-over-due"], .02)
	assert.InDelta(t, 2, got["rule=walks/slack=unlimited/n=6/event=upgrade"]["moved-over-due"]+.25, .15)
}
