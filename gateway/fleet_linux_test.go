package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/lab"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// Three gateways of a cluster behind a router that learns of them by BGP: pods
// come, a gateway is killed and another one joins, and no connection breaks that
// need not. Without pins shared some do, as with xdp, which can't share them.
func TestFleet(t *testing.T) {
	if racecheck.On {
		t.Skip("the gateways' processes would be too slow under the race detector")
	}
	for plane, more := range map[string][]string{"afpacket": {"-ipv6"}, "xdp": nil} {
		t.Run(plane, func(t *testing.T) {
			t.Parallel()
			var r fleetReport
			out := labOutput(t, append(more, "-gateways", "3", "-connections", "16", "-short", "-io", plane)...)
			require.NoError(t, json.Unmarshal(out, &r), string(out))
			require.Len(t, r.Ways, len(lab.Ways(plane)))
			for _, way := range r.Ways {
				broken, _ := way.Broken()
				if way.Way != lab.WithPins {
					assert.Positive(t, broken, way.Way)
					continue
				}
				assert.Zero(t, broken)
				for _, s := range way.Steps {
					assert.GreaterOrEqual(t, s.Connections.Kept, 16, s.Event)
					assert.Zero(t, s.Connections.Own, s.Event)
				}
			}
			assert.Equal(t, plane != "xdp", r.Ways[0].Way == lab.WithPins)
		})
	}
}
