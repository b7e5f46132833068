package services_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// drainers returns who drained which member of the default service.
func (f fixture) drainers() map[string]string {
	by := map[string]string{}
	for _, m := range f.Stats().Services[0].Members {
		if m.Drain != nil {
			by[m.ID] = m.Drain.By
		}
	}
	return by
}

// undrain gives a member the weight that it had before.
func (f fixture) undrain(t *testing.T, id string) (weight uint32) {
	t.Helper()
	m, _, err := f.Edit(config.Default, id, func(m *config.Member, drained uint32) (config.Member, error) {
		m.Weight = max(drained, 1)
		return *m, nil
	})
	require.NoError(t, err)
	return m.Weight
}

// A drain that is not the configuration's holds through every reload, and ends
// by the way that it came, with the weight that the configuration has then.
func TestDrainOutlivesReload(t *testing.T) {
	f := newRegistry(t)
	reload := func(members ...config.Member) {
		t.Helper()
		was := append([]config.Member(nil), members...)
		require.NoError(t, f.By("file").Replace(
			[]config.Service{service(t, config.Default, vip, "maglev", members)}, "a file"))
		assert.Equal(t, was, members, "the configuration is left as it is")
	}
	reload(pod(1, 1), pod(2, 2), pod(3, 0))
	require.NoError(t, f.By("ann").Drain(config.Default, "pod1"))
	require.NoError(t, f.By("bob").Drain(config.Default, "pod1"), "again")
	require.NoError(t, f.By("bob").Drain(config.Default, "pod3"), "which the file drains too")
	assert.Equal(t, map[string]string{"pod1": "ann", "pod3": "bob"}, f.drainers())

	reload(pod(1, 4), pod(2, 3), pod(3, 5), pod(4, 0))
	assert.Equal(t, map[string]uint32{"pod1": 0, "pod2": 3, "pod3": 0, "pod4": 0}, f.weights(config.Default))
	assert.Equal(t, map[string]string{"pod1": "ann", "pod3": "bob"}, f.drainers(), "pod4 is drained by the file")
	assert.Equal(t, uint32(4), f.undrain(t, "pod1"))
	reload(pod(1, 4), pod(2, 2), pod(3, 5), pod(4, 1))
	assert.Equal(t, map[string]uint32{"pod1": 4, "pod2": 2, "pod3": 0, "pod4": 1}, f.weights(config.Default))

	// It ends with the member, and with the service.
	reload(pod(1, 1), pod(2, 1))
	reload(pod(1, 1), pod(2, 1), pod(3, 1))
	assert.Equal(t, uint32(1), f.weights(config.Default)["pod3"])
	require.NoError(t, f.Drain(config.Default, "pod2"))
	require.NoError(t, f.Replace([]config.Service{service(t, "web", other, "maglev", pods(1))}, ""))
	reload(pods(1, 2, 3)...)
	assert.Equal(t, uint32(1), f.weights(config.Default)["pod2"])

	// A list in place of all members drains, too; a reload that is refused does
	// not end that.
	require.NoError(t, f.By("ann").SetMembers(config.Default, []config.Member{pod(1, 1), pod(2, 0), pod(3, 1)}))
	bad := service(t, config.Default, vip, "anchor", []config.Member{pod(1, 1), pod(3, 2)})
	require.Error(t, f.Replace([]config.Service{bad}, ""))
	assert.Equal(t, map[string]string{"pod2": "ann"}, f.drainers())
	reload(pods(1, 2, 3)...)
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 0, "pod3": 1}, f.weights(config.Default))
}

// A drain outlives the process, even if the configuration changed meanwhile.
func TestDrainOutlivesProcess(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1), pod(2, 5)}))
	require.NoError(t, f.By("ann").Drain(config.Default, "pod2"))
	logged, err := f.Logged(config.Default)
	require.NoError(t, err)
	assert.Equal(t, map[string]uint32{"pod2": 5}, logged.Drained)
	data, err := f.Save()
	require.NoError(t, err)
	for origin, weight := range map[string]uint32{"first": 5, "changed meanwhile": 3} {
		snapshot, err := services.ReadSnapshot(bytes.NewReader(data))
		require.NoError(t, err)
		configured := []config.Service{service(t, config.Default, vip, "maglev", []config.Member{pod(1, 1), pod(2, 3)})}
		was, err := snapshot.Services(configured, origin)
		require.NoError(t, err)
		domain := selector.NewDomain()
		p, err := fakeplane.New(domain)
		require.NoError(t, err)
		next := fixture{services.New(p, domain, nil, slog.New(slog.DiscardHandler)), p}
		next.RestoreDrains(snapshot)
		require.NoError(t, next.Replace(was, origin))
		require.NoError(t, next.Restore(snapshot))
		assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 0}, next.weights(config.Default), origin)
		assert.Equal(t, map[string]string{"pod2": "ann"}, next.drainers(), origin)
		assert.Equal(t, weight, next.undrain(t, "pod2"), origin)
	}
}

// Who changed what is in the history.
func TestChangesSayByWhom(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.By("ann").Drain(config.Default, "pod1"))
	require.NoError(t, f.By("bob").Delete(config.Default, "pod2"))
	require.NoError(t, f.By("carl").SetMembers(config.Default, pods(1)))
	next := []config.Service{service(t, config.Default, vip, "maglev", pods(1, 7))}
	require.NoError(t, f.By("file").Replace(next, ""))
	require.NoError(t, f.SetCarrier("lp1", false))
	var got [][2]string
	for _, c := range f.Stats().Changes[:5] {
		got = append(got, [2]string{c.By, c.What})
	}
	assert.Equal(t, [][2]string{
		{"link", "lp1 lost its carrier"}, {"file", "pod7 joined"},
		{"carl", "pod1 takes flows again, pod3 left"}, {"bob", "pod2 left"}, {"ann", "pod1 drained"},
	}, got)
}

// A member that the configuration drains, and that is given a weight by another
// way, is known to be drained again by a reload.
func TestDrainsOfTheConfigurationAreKnown(t *testing.T) {
	f := newRegistry(t)
	members := pods(1, 2, 3)
	members[0].Weight = 0
	drained := []config.Service{service(t, config.Default, vip, "maglev", members)}
	require.NoError(t, f.Replace(drained, "second"))
	assert.True(t, f.DrainedByConfiguration(config.Default, "pod1"))
	assert.False(t, f.DrainedByConfiguration(config.Default, "pod2"))
	f.undrain(t, "pod1")
	assert.NotZero(t, f.weights(config.Default)["pod1"])
	require.NoError(t, f.Replace(drained, "second"))
	assert.Zero(t, f.weights(config.Default)["pod1"])
	require.NoError(t, f.Replace([]config.Service{service(t, config.Default, vip, "maglev", pods(1))}, "third"))
	assert.False(t, f.DrainedByConfiguration(config.Default, "pod1"))
}
