package services_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/health"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

// A member that fails the check of one service is down there, and serves the
// others.
func TestChecked(t *testing.T) {
	f := newRegistry(t)
	var asked []health.Target
	f.Check = func(list []health.Target) { asked = list }
	first, second := service(t, config.Default, vip, "maglev", pods(1, 2, 3)), service(t, "dns", other, "maglev",
		pods(2, 3))
	first.Check = &health.Check{By: health.TCP, Port: 80, Interval: time.Second}
	require.NoError(t, f.Replace([]config.Service{first, second}, "checked"))
	require.Len(t, asked, 3)
	assert.Equal(t, health.Target{Service: config.Default, Member: "pod2", Addr: pod(2, 1).Addr, Check: *first.Check},
		asked[1])
	pod2 := asked[1]

	went := f.plane.Receive(vip, 0, 100)
	require.NoError(t, f.SetHealth(pod2, errors.New("refused")))
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod3": 1}, f.weights(config.Default))
	assert.Equal(t, map[string]uint32{"pod2": 1, "pod3": 1}, f.weights("dns"))
	assert.Equal(t, "refused", f.reason("pod2"))
	assert.Equal(t, "pod2 is down: refused", f.Stats().Changes[0].What)
	assert.NotContains(t, f.plane.Receive(vip, 0, 100), "pod2")
	require.NoError(t, f.SetHealth(pod2, nil))
	assert.Equal(t, went, f.plane.Receive(vip, 0, 100), "flows return")
	assert.Equal(t, "pod2 is up again", f.Stats().Changes[0].What)

	// What is found holds for who was asked, and as it was asked.
	require.NoError(t, f.SetHealth(pod2, errors.New("refused")))
	first.Check = &health.Check{By: health.TCP, Port: 81, Interval: time.Second}
	require.NoError(t, f.Replace([]config.Service{first, second}, "otherwise"))
	assert.Len(t, f.weights(config.Default), 3)
	require.NoError(t, f.SetHealth(pod2, errors.New("late")))
	assert.Len(t, f.weights(config.Default), 3)
	require.NoError(t, f.SetHealth(asked[1], errors.New("refused")))
	assert.Len(t, f.weights(config.Default), 2)
	require.NoError(t, f.Delete(config.Default, "pod2"))
	require.NoError(t, f.SetMembers(config.Default, pods(1, 2, 3)))
	assert.Len(t, f.weights(config.Default), 3, "it joined anew")
	first.Check = nil
	require.NoError(t, f.Replace([]config.Service{first, second}, "not at all"))
	assert.Empty(t, asked)
}

// Others may say that a member is down, until they say that it is not.
func TestSetDown(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetDown(config.Default, "pod2", true))
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod3": 1}, f.weights(config.Default))
	assert.Equal(t, services.ErrDown.Error(), f.reason("pod2"))
	require.NoError(t, f.Drain(config.Default, "pod1"))
	assert.NotContains(t, f.weights(config.Default), "pod2", "whatever else changes")
	require.NoError(t, f.SetDown(config.Default, "pod2", false))
	assert.Contains(t, f.weights(config.Default), "pod2")
	require.ErrorIs(t, f.SetDown(config.Default, "pod9", true), services.ErrNoMember)
	require.ErrorIs(t, f.SetDown("web", "pod1", true), services.ErrNoService)
}

// That a member was set down ends with the member, and outlives the process.
func TestSetDownEndsWithTheMember(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1), pod(2, 1)}))
	require.NoError(t, f.SetDown(config.Default, "pod2", true))
	data, err := f.Save()
	require.NoError(t, err)
	for reason, members := range map[string][]config.Member{
		services.ErrDown.Error(): {pod(1, 1), pod(2, 1)}, "not a member": {pod(1, 1)},
	} {
		snapshot, err := services.ReadSnapshot(bytes.NewReader(data))
		require.NoError(t, err)
		domain := selector.NewDomain()
		p, err := fakeplane.New(domain)
		require.NoError(t, err)
		next := fixture{services.New(p, domain, nil, slog.New(slog.DiscardHandler)), p}
		require.NoError(t, next.Replace([]config.Service{service(t, config.Default, vip, "maglev", members)}, ""))
		require.NoError(t, next.RestoreDown(snapshot))
		require.Equal(t, reason, next.reason("pod2"))
	}
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1)}))
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1), pod(2, 1)}))
	require.Empty(t, f.reason("pod2"), "it is a new one")
}

// What a check found outlives the process, for who is asked in the same way.
func TestFailedOutlivesTheProcess(t *testing.T) {
	f := newRegistry(t)
	s := service(t, config.Default, vip, "maglev", pods(1, 2))
	s.Check = &health.Check{By: health.TCP, Port: 80, Interval: time.Second, Failures: 2}
	var asked []health.Target
	f.Check = func(list []health.Target) { asked = list }
	require.NoError(t, f.Replace([]config.Service{s}, ""))
	require.NoError(t, f.SetHealth(asked[1], errors.New("refused")))
	data, err := f.Save()
	require.NoError(t, err)
	next := func(s config.Service) fixture {
		snapshot, err := services.ReadSnapshot(bytes.NewReader(data))
		require.NoError(t, err)
		domain := selector.NewDomain()
		p, err := fakeplane.New(domain)
		require.NoError(t, err)
		n := fixture{services.New(p, domain, nil, slog.New(slog.DiscardHandler)), p}
		require.NoError(t, n.Replace([]config.Service{s}, ""))
		require.NoError(t, n.RestoreDown(snapshot))
		return n
	}
	n := next(s)
	assert.Equal(t, "refused", n.reason("pod2"))
	assert.NotContains(t, n.weights(config.Default), "pod2")
	require.NoError(t, n.SetHealth(asked[1], nil))
	assert.Contains(t, n.weights(config.Default), "pod2")

	s.Check = &health.Check{By: health.TCP, Port: 81, Interval: time.Second, Failures: 2}
	assert.Empty(t, next(s).reason("pod2"), "nobody has asked that")
	s.Check = nil
	assert.Empty(t, next(s).reason("pod2"))
}
