package selector

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSelectorsThatSeeTheWholeHash: a view need not clear bits for tables and
// for device hashes of 31 and 32 bits, so that bursts go to them as they are.
func TestSelectorsThatSeeTheWholeHash(t *testing.T) {
	equal, unequal := Equal("a", "b", "c"), []Member{{ID: "a", Weight: 1}, {ID: "b", Weight: 3}}
	for s, mask := range map[Strategy]uint64{
		Modulo{}: allBits, Threshold{}: allBits, Bounded{}: allBits, Maglev{}: allBits, Resilient{}: allBits,
		Rendezvous{}: highBits, Jump{}: highBits, Ring{}: highBits, MultiProbe{}: highBits,
	} {
		for _, members := range [][]Member{equal, unequal} {
			built, err := New(s, members)
			require.NoError(t, err)
			assert.Equal(t, mask, maskOf(built), "%s of %v", s, members)
		}
	}
}
