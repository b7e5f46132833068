package cluster_test

import (
	"testing"

	"github.com/ecmp-go/ecmp/selector"
	"github.com/stretchr/testify/require"
)

func TestMembersInAnyOrderHaveOneFingerprint(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	fingerprints := map[uint64]bool{}
	for _, members := range []string{"a=1 b=2 c=3", "c=3 a=1 b=2", "b=2 c=3 a=1"} {
		m, g := join(t, connect(t, config("g"+members[:1], url)), selector.Bounded{})
		_, err := m.Update(soon(t), remove("a", "b", "c"))
		require.NoError(t, err)
		version, err := m.Update(soon(t), put(members))
		require.NoError(t, err)
		view := g.Load().View()
		require.Equal(t, version, view.Version())
		fingerprints[view.Fingerprint()] = true
	}
	require.Len(t, fingerprints, 1)
}
