package live

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// What is to be learned is told at the start: the configuration in force is of
// the goroutine that watches the file, and is not to be looked at.
func TestLearnLooksAtNoConfiguration(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g := &gateway{speaker: new(bgp.Speaker)}
	require.NoError(t, g.learn(ctx, &config.Learn{}))
	require.NoError(t, g.learn(ctx, nil))
}
