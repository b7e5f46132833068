package suite

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// The slow frames are sound, and take Parse as far as it goes. It gives up on
// the extensions of GTP-U.
func TestSlowFrames(t *testing.T) {
	tunnels := map[string]uint8{"6in6-options": 8, "gre-tagged-ethernet": 8}
	for name, f := range slowFrames() {
		var h hash.Headers
		require.NoError(t, hash.Parse(f, &h), name)
		assert.Equal(t, tunnels[name], h.Tunnels, name)
		assert.Equal(t, name[:2] == "qu", h.ICMPError, name)
		assert.LessOrEqual(t, len(f), 14+1500, name)
	}
}
