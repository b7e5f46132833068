package cluster_test

import (
	"errors"
	"testing"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/stretchr/testify/require"
)

// TestRefusedJoinLeavesNothing joins a group whose last change can't be applied,
// in a domain that has room for others then.
func TestRefusedJoinLeavesNothing(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	m, _ := join(t, connect(t, config("g1", url)), selector.Anchor{Capacity: 64})
	for _, member := range []string{"a=1", "b=1", "c=1"} { // each is a step
		_, err := m.Update(soon(t), put(member))
		require.NoError(t, err)
	}
	conn, d := connect(t, config("g2", url)), selector.NewDomain()
	cannot := errors.New("no such address")
	value := func(m cluster.Member) (string, error) {
		if m.ID == "c" && cannot != nil {
			return "", cannot
		}
		return m.Data, nil
	}
	group := cluster.GroupConfig[string]{Name: "web", Value: value}
	_, _, err := cluster.Join(soon(t), conn, d, group)
	require.ErrorIs(t, err, cannot)
	require.Zero(t, d.SlotStats().InUse)
	cannot = nil
	_, g, err := cluster.Join(soon(t), conn, d, group)
	require.NoError(t, err)
	require.Equal(t, 3, g.Load().Len())
	require.Equal(t, 3, d.SlotStats().InUse)
}

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
