package services_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A clock is virtual time.
type clock struct{ time.Time }

// newRamping returns a registry whose service has a slow start of a minute, in
// ten steps of which the last is at the end, and its clock.
func newRamping(t *testing.T, members ...config.Member) (fixture, *clock) {
	t.Helper()
	f := newRegistry(t)
	now := &clock{time.Unix(1000, 0)}
	f.Now = func() time.Time { return now.Time }
	require.NoError(t, f.Replace([]config.Service{ramped(t, members...)}, "first"))
	return f, now
}

func ramped(t *testing.T, members ...config.Member) config.Service {
	t.Helper()
	s := service(t, config.Default, vip, "bounded", members)
	s.Ramp = config.Ramp{Time: time.Minute, Steps: 10}
	return s
}

// after moves the clock and has the registry do what is due.
func (f fixture) after(t *testing.T, now *clock, d time.Duration) {
	t.Helper()
	now.Time = now.Add(d)
	require.NoError(t, f.Step())
}

func TestSlowStart(t *testing.T) {
	f, now := newRamping(t, pods(1, 2, 3)...)
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1, "pod3": 1}, f.weights(config.Default),
		"new services have none")
	require.NoError(t, f.SetMembers(config.Default, pods(1, 2, 3, 4)))
	assert.Contains(t, f.Stats().Changes[0].What, "pod4 joined (slow start, 1m0s in 10 steps)")
	version := f.versions()[config.Default]
	const steps = 10
	for step := uint32(1); step < steps; step++ {
		assert.Equal(t, map[string]uint32{"pod1": 10, "pod2": 10, "pod3": 10, "pod4": step}, f.weights(config.Default))
		stats := f.Stats().Services[0].Members[3]
		assert.InDelta(t, float64(step)/steps, stats.Ramp, 1e-9)
		assert.InDelta(t, float64(step)/float64(30+step), stats.Due, 1e-9)
		f.after(t, now, time.Minute/(steps-1)-time.Second)
		assert.Equal(t, version, f.versions()[config.Default], "nothing is due")
		f.after(t, now, time.Second+time.Millisecond)
		version++
		assert.Equal(t, version, f.versions()[config.Default], "a step builds once")
	}
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1, "pod3": 1, "pod4": 1}, f.weights(config.Default))
	assert.Equal(t, "pod4 has its whole weight: its slow start is over", f.Stats().Changes[0].What)
	assert.Zero(t, f.Stats().Services[0].Members[3].Ramp)
	f.after(t, now, time.Hour)
	assert.Equal(t, version, f.versions()[config.Default])

	// The table is the one that there is without a slow start.
	other := newRegistry(t)
	require.NoError(t, other.Replace([]config.Service{service(t, config.Default, vip, "bounded", pods(1, 2, 3, 4))},
		""))
	assert.Equal(t, other.plane.Receive(vip, 0, 2000), f.plane.Receive(vip, 0, 2000))
}

// A slow start goes on through other changes and through failures, and ends with
// a drain or when its member leaves. After a drain it begins again.
func TestSlowStartAndOtherChanges(t *testing.T) {
	f, now := newRamping(t, pods(1, 2)...)
	require.NoError(t, f.SetMembers(config.Default, pods(1, 2, 3)))
	f.after(t, now, 30*time.Second)
	half := map[string]uint32{"pod1": 10, "pod2": 10, "pod3": 5}
	assert.Equal(t, half, f.weights(config.Default))

	require.NoError(t, f.SetDown(config.Default, "pod3", true))
	f.after(t, now, 7*time.Second)
	require.NoError(t, f.SetDown(config.Default, "pod3", false))
	half["pod3"] = 6
	assert.Equal(t, half, f.weights(config.Default), "time goes on while it is down")

	require.NoError(t, f.Replace([]config.Service{ramped(t, pods(1, 2, 3)...)}, "reloaded"))
	assert.Equal(t, half, f.weights(config.Default))

	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 2), pod(2, 1), pod(3, 4)}))
	assert.Equal(t, map[string]uint32{"pod1": 20, "pod2": 10, "pod3": 24}, f.weights(config.Default), "another weight")

	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 2), pod(2, 1), pod(3, 4), pod(4, 1)}))
	assert.Equal(t, map[string]uint32{"pod1": 20, "pod2": 10, "pod3": 24, "pod4": 1}, f.weights(config.Default),
		"two at once")

	require.NoError(t, f.Drain(config.Default, "pod3"))
	assert.Equal(t, map[string]uint32{"pod1": 20, "pod2": 10, "pod3": 0, "pod4": 1}, f.weights(config.Default))
	require.NoError(t, f.Delete(config.Default, "pod4"))
	assert.Equal(t, map[string]uint32{"pod1": 2, "pod2": 1, "pod3": 0}, f.weights(config.Default),
		"nobody is on one any more")
	version := f.versions()[config.Default]
	f.after(t, now, time.Hour)
	assert.Equal(t, version, f.versions()[config.Default])

	_, _, err := f.Edit(config.Default, "pod3", func(m *config.Member, drained uint32) (config.Member, error) {
		is := *m
		is.Weight = drained
		return is, nil
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]uint32{"pod1": 20, "pod2": 10, "pod3": 4}, f.weights(config.Default),
		"from the beginning")
	assert.InDelta(t, .1, f.Stats().Services[0].Members[2].Ramp, 1e-9)

	require.NoError(t, f.Delete(config.Default, "pod1"))
	require.NoError(t, f.Delete(config.Default, "pod2"))
	assert.Equal(t, map[string]uint32{"pod3": 4}, f.weights(config.Default), "it has all flows in any case")
}

// What can't be done at a step is done with the next try, and a change that is
// refused leaves the slow start as it was.
func TestSlowStartAndFailures(t *testing.T) {
	f, now := newRamping(t, pods(1, 2)...)
	require.NoError(t, f.SetMembers(config.Default, pods(1, 2, 3)))
	f.plane.FailSync = assert.AnError
	now.Time = now.Add(30 * time.Second)
	require.ErrorIs(t, f.Step(), assert.AnError)
	require.ErrorIs(t, f.SetMembers(config.Default, pods(1, 2)), assert.AnError)
	f.plane.FailSync = nil
	assert.Equal(t, map[string]uint32{"pod1": 10, "pod2": 10, "pod3": 1}, f.weights(config.Default))
	require.NoError(t, f.Step())
	assert.Equal(t, map[string]uint32{"pod1": 10, "pod2": 10, "pod3": 5}, f.weights(config.Default))
}

// A weight that has no room to be divided starts with one part all the same.
func TestSlowStartOfLargeWeights(t *testing.T) {
	f, now := newRamping(t, pod(1, 1<<30), pod(2, 1))
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1<<30), pod(2, 1), pod(3, 1<<30),
		pod(4, 1)}))
	assert.Equal(t, map[string]uint32{"pod1": 1 << 30, "pod2": 1, "pod3": 1 << 30 / 10, "pod4": 1},
		f.weights(config.Default))
	f.after(t, now, time.Minute)
	assert.Equal(t, map[string]uint32{"pod1": 1 << 30, "pod2": 1, "pod3": 1 << 30, "pod4": 1},
		f.weights(config.Default))
}
