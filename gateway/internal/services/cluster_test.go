package services_test

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// A log is a cluster of one gateway.
type log struct {
	f       fixture
	version uint64
	members []config.Member
	drained map[string]uint32
	drains  map[string]services.Drain
	refuses error
}

// Change implements services.Cluster.
func (l *log) Change(_, service string, change services.ChangeMembers) error {
	if l.refuses != nil {
		return l.refuses
	}
	logged := services.Logged{Members: l.members, Drained: l.drained, Drains: maps.Clone(l.drains)}
	next, err := change(logged)
	if err != nil {
		return err
	}
	if err := l.f.TryMembers(service, next); err != nil {
		return err
	}
	for i := range next {
		if next[i].Incarnation == 0 {
			next[i].Incarnation = l.version + 1
		}
	}
	l.version++
	l.members, l.drains = next, logged.Drains
	logged.Members, logged.Drains = next, maps.Clone(l.drains)
	return l.f.By("cluster").SetMembersAt(service, l.version, logged)
}

// newClustered returns a registry whose service is that of a cluster, which has
// it at version 1000.
func newClustered(t *testing.T) (fixture, *log) {
	t.Helper()
	f := newRegistry(t)
	l := &log{f: f, version: 999, drained: map[string]uint32{}, drains: map[string]services.Drain{}}
	f.Cluster = l
	require.NoError(t, f.SetMembers(config.Default, pods(1, 2, 3)))
	return f, l
}

// All ways of changing members lead to the log, and come back with its
// versions.
func TestChangesOfCluster(t *testing.T) {
	f, l := newClustered(t)
	assert.Equal(t, map[string]uint64{config.Default: 1000}, f.versions())
	require.NoError(t, f.By("uid 0").Drain(config.Default, "pod2"))
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 0, "pod3": 1}, f.weights(config.Default))
	assert.Equal(t, "uid 0", f.Stats().Services[0].Members[1].Drain.By)
	require.NoError(t, f.Delete(config.Default, "pod1"))
	m, added, err := f.Edit(config.Default, "pod4", func(*config.Member, uint32) (config.Member, error) {
		return pod(4, 7), nil
	})
	require.NoError(t, err)
	assert.True(t, added)
	assert.Equal(t, uint32(7), m.Weight)
	assert.Equal(t, map[string]uint32{"pod2": 0, "pod3": 1, "pod4": 7}, f.weights(config.Default))
	assert.Equal(t, map[string]uint64{config.Default: 1003}, f.versions())
	group, err := f.Group(config.Default)
	require.NoError(t, err)
	v := group.Load().View()
	i, ok := v.Index("pod4")
	require.True(t, ok)
	assert.Equal(t, uint64(1003), v.Incarnation(i), "of the revision that made it")
	require.ErrorIs(t, f.Delete(config.Default, "pod9"), services.ErrNoMember)
	require.ErrorIs(t, f.Drain(config.Default, "pod9"), services.ErrNoMember)
	require.ErrorIs(t, f.SetMembers("web", nil), services.ErrNoService)

	l.refuses = services.ErrNoCluster
	require.ErrorIs(t, f.SetMembers(config.Default, pods(1)), services.ErrNoCluster)
	assert.Equal(t, map[string]uint64{config.Default: 1003}, f.versions())
}

// What a gateway finds out by itself, such as the MAC address of a member, is
// no change of the cluster's: the version stays, and so does what is unsettled.
func TestOwnChangesInCluster(t *testing.T) {
	f, _ := newClustered(t)
	group, err := f.Group(config.Default)
	require.NoError(t, err)
	mac := engine.MAC{2, 7, 7, 7, 7, 7}
	require.NoError(t, f.SetMembersAt(config.Default, 1001, services.Logged{Members: pods(1, 2)}))
	before := group.Load()
	previous := before.Previous()
	require.NotNil(t, previous, "nobody has settled it")
	require.NoError(t, f.SetLink(links.Link{Name: "lp1", Index: 7, Carrier: true, MAC: mac}))
	now := group.Load()
	require.NotSame(t, before, now)
	assert.Equal(t, mac[:], now.At(0).Header[6:12], "frames leave from there")
	assert.Equal(t, uint64(1001), now.View().Version())
	assert.Equal(t, previous.Version(), now.Previous().Version(), "it is not settled either")
	assert.Equal(t, before.View().Slot(0), now.View().Slot(0))
	require.NoError(t, f.SetDown(config.Default, "pod2", true), "who is down is this gateway's own, too")
	assert.Equal(t, uint64(1001), group.Load().View().Version())
}

// A configuration that is read again changes what is the gateway's own alone:
// of members, where they are.
func TestReloadInCluster(t *testing.T) {
	f, _ := newClustered(t)
	require.NoError(t, f.Drain(config.Default, "pod1"))
	moved := pod(1, 5)
	moved.Dev = "lp9"
	next := []config.Service{
		service(t, config.Default, other, "modulo", []config.Member{moved, pod(4, 1)}),
		service(t, "new", vip, "modulo", pods(5)),
	}
	require.NoError(t, f.Replace(next, "second"))
	assert.Equal(t, map[string]uint32{"pod1": 0, "pod2": 1, "pod3": 1}, f.weights(config.Default))
	assert.Equal(t, map[string]uint32{"pod5": 1}, f.weights("new"))
	assert.Equal(t, map[string]uint64{config.Default: 1001, "new": 1}, f.versions())
	s := f.Stats().Services[0]
	assert.Equal(t, "maglev", s.Strategy)
	assert.Equal(t, "lp9", s.Members[0].Dev)
	assert.Equal(t, other, s.Prefixes[0].Addr())
	assert.False(t, f.DrainedByConfiguration(config.Default, "pod1"))
	require.NoError(t, f.SetStrategyAt(config.Default, 1002, selector.Modulo{}))
	assert.Equal(t, "modulo", f.Stats().Services[0].Strategy)
	assert.Equal(t, uint64(1002), f.versions()[config.Default])
}

// A data plane that can't follow the log is behind, and the log counts. What
// the log can't be followed in leaves everything as it was.
func TestBehindCluster(t *testing.T) {
	f, _ := newClustered(t)
	f.plane.FailSync = errors.New("no memory")
	require.NoError(t, f.SetMembersAt(config.Default, 1001, services.Logged{Members: pods(1)}))
	assert.Equal(t, uint64(1001), f.versions()[config.Default])
	f.plane.FailSync = nil
	require.NoError(t, f.Reconcile())
	assert.Equal(t, map[string]uint32{"pod1": 1}, f.weights(config.Default))
	assert.Equal(t, uint64(1001), f.versions()[config.Default])

	require.ErrorIs(t, f.SetMembersAt(config.Default, 1001, services.Logged{Members: pods(2)}), selector.ErrVersion)
	f.plane.FailOutputs = errors.New("no memory")
	require.ErrorIs(t, f.SetMembersAt(config.Default, 1002, services.Logged{Members: pods(2)}), f.plane.FailOutputs)
	assert.Equal(t, map[string]uint32{"pod1": 1}, f.weights(config.Default))
	assert.Equal(t, uint64(1001), f.versions()[config.Default])
}

// The members of a snapshot have the incarnations that they had, whatever the
// configuration is now.
func TestSnapshotInCluster(t *testing.T) {
	f, _ := newClustered(t)
	saved, err := f.Save()
	require.NoError(t, err)
	snapshot, err := services.ReadSnapshot(bytes.NewReader(saved))
	require.NoError(t, err)
	list, err := snapshot.Newest([]config.Service{service(t, config.Default, vip, "maglev", pods(7))})
	require.NoError(t, err)
	require.Len(t, list[0].Members, 3)
	assert.Equal(t, uint64(1000), list[0].Members[0].Incarnation)
}
