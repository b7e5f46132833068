package main

import (
	"encoding/json"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/lab"
)

// underRace reports whether this program was built with the race detector.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// Three gateways of a cluster: pods come, a gateway is killed and another one
// joins, and no connection breaks that need not.
func TestFleet(t *testing.T) {
	if underRace() {
		t.Skip("the gateways' processes would be too slow under the race detector")
	}
	var r fleetReport
	out := labOutput(t, "-gateways", "3", "-connections", "16", "-short")
	require.NoError(t, json.Unmarshal(out, &r), string(out))
	require.Len(t, r.Ways, len(lab.Ways()))
	for _, s := range r.Ways[0].Steps {
		assert.GreaterOrEqual(t, s.Connections.Kept, 16, s.Event)
		assert.Zero(t, s.Connections.Collateral, s.Event)
		assert.Zero(t, s.Connections.Own, s.Event)
	}
	without, _ := r.Ways[1].Broken()
	assert.Positive(t, without, "the same breaks connections without pins shared")
}
