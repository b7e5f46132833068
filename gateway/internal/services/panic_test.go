package services_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
)

// With fewer members that pass the check than the threshold, all serve, but for
// the one that somebody said is down; with enough of them they alone do again.
func TestPanic(t *testing.T) {
	f := newRegistry(t)
	s := service(t, config.Default, vip, "maglev", pods(1, 2, 3, 4))
	s.Check, s.Panic = &health.Check{By: health.TCP, Port: 80}, 50
	require.NoError(t, f.Replace([]config.Service{s}, "checked"))
	fail := func(i int, fault error) {
		t.Helper()
		m := pod(i, 1)
		require.NoError(t, f.SetHealth(
			health.Target{Service: config.Default, Member: m.ID, Addr: m.Addr, Check: *s.Check}, fault))
	}
	failure := errors.New("refused")
	fail(1, failure)
	fail(2, failure)
	assert.Len(t, f.weights(config.Default), 2, "half of them is enough")
	assert.False(t, f.Stats().Services[0].Panic)
	fail(3, failure)
	assert.Len(t, f.weights(config.Default), 4)
	stats := f.Stats()
	assert.True(t, stats.Services[0].Panic)
	assert.Equal(t, "less than 50 % of the members pass the check: it is not looked at", stats.Changes[0].What)
	assert.Equal(t, "refused", f.reason("pod3"), "it is still told")
	assert.InDelta(t, .25, stats.Services[0].Members[2].Due, 1e-9)

	require.NoError(t, f.SetDown(config.Default, "pod4", true))
	assert.NotContains(t, f.weights(config.Default), "pod4", "nobody serves, and still not this one")
	assert.Len(t, f.weights(config.Default), 3)
	require.NoError(t, f.SetDown(config.Default, "pod4", false))
	fail(3, nil)
	assert.Len(t, f.weights(config.Default), 2)
	assert.Equal(t, "the check is looked at again", f.Stats().Changes[0].What)

	fail(3, failure)
	s.Panic = 0
	require.NoError(t, f.Replace([]config.Service{s}, "none"))
	assert.Len(t, f.weights(config.Default), 1, "without a threshold")
	said := func(n int) (list []string) {
		for _, c := range f.Stats().Changes[:n] {
			list = append(list, c.What)
		}
		return list
	}
	assert.Equal(t, []string{"the check is looked at again", "panic below 0 %, not 50 %"}, said(2))

	// Changes of members begin and end one, too.
	s.Panic = 20
	require.NoError(t, f.Replace([]config.Service{s}, "low"))
	assert.Equal(t, []string{"panic below 20 %, not 0 %"}, said(1))
	require.NoError(t, f.Drain(config.Default, "pod4"))
	assert.Equal(t, []string{
		"less than 20 % of the members pass the check: it is not looked at", "pod4 drained",
	}, said(2))
	require.NoError(t, f.SetMembers(config.Default, pods(4)))
	assert.Equal(t, "the check is looked at again", said(1)[0])
}

// Backups get flows when every other member is down or drained, and lose the
// new ones when one is back.
func TestBackups(t *testing.T) {
	f := newRegistry(t)
	members := pods(1, 2, 3)
	members[2].Backup = true
	require.NoError(t, f.SetMembers(config.Default, members))
	assert.Equal(t, "pod3 is a backup now", f.Stats().Changes[0].What)
	due := func() (list []float64) {
		for _, m := range f.Stats().Services[0].Members {
			list = append(list, m.Due)
		}
		return list
	}
	assert.Equal(t, []float64{.5, .5, 0}, due())
	went := slotsOf(f.plane.Receive(vip, 0, 100))
	assert.Equal(t, map[string]bool{"pod1": true, "pod2": true}, went)
	require.NoError(t, f.Drain(config.Default, "pod1"))
	require.NoError(t, f.SetDown(config.Default, "pod2", true))
	assert.Equal(t, map[string]bool{"pod3": true}, slotsOf(f.plane.Receive(vip, 1000, 100)))
	assert.Equal(t, []float64{0, 0, 1}, due())
	require.NoError(t, f.SetDown(config.Default, "pod2", false))
	assert.Equal(t, map[string]bool{"pod2": true}, slotsOf(f.plane.Receive(vip, 2000, 100)))
	assert.True(t, f.Stats().Services[0].Members[2].Backup)
	members[2].Backup = false
	require.NoError(t, f.SetMembers(config.Default, members))
	assert.Contains(t, f.Stats().Changes[0].What, "pod3 is no backup any more")
}

// A member that is due something and owns nothing is told from the others.
func TestOwned(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1), pod(2, 1000000), pod(3, 0)}))
	members := f.Stats().Services[0].Members
	assert.Zero(t, members[0].Owned)
	assert.Positive(t, members[0].Due)
	assert.InDelta(t, 1, members[1].Owned, 1e-9)
	assert.Zero(t, members[2].Owned)
	require.NoError(t, f.SetMembers(config.Default, pods(1, 2)))
	assert.InDelta(t, .5, f.Stats().Services[0].Members[0].Owned, 1e-3)
}
