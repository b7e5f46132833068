package services_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// reason returns why a member is down.
func (f fixture) reason(id string) string { return f.reasonIn(config.Default, id) }

func (f fixture) reasonIn(service, id string) string {
	list := f.Stats().Services
	i := slices.IndexFunc(list, func(s services.ServiceStats) bool { return s.Name == service })
	for _, m := range list[i].Members {
		if m.ID == id {
			return m.Reason
		}
	}
	return "not a member"
}

func link(dev string, index int) links.Link {
	return links.Link{Name: dev, Index: index, MAC: engine.MAC{2, byte(index)}, Carrier: true}
}

// Interfaces that vanish take down the members behind them, and hold up no
// other change; they come back in any order.
func TestInterfacesVanish(t *testing.T) {
	f := newRegistry(t)
	for i, dev := range []string{"lp1", "lp2", "lp3"} {
		require.NoError(t, f.SetLink(link(dev, 10+i)))
	}
	for _, dev := range []string{"lp2", "lp3"} {
		f.plane.SetMissing(dev, true)
		require.NoError(t, f.SetLink(links.Link{Name: dev}))
	}
	assert.Equal(t, map[string]uint32{"pod1": 1}, f.weights(config.Default))
	assert.Equal(t, "plane: interface lp3: no such interface", f.reason("pod3"))
	require.NoError(t, f.Drain(config.Default, "pod1"))
	require.NoError(t, f.SetMembers(config.Default, pods(1, 2, 3, 4)))
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod4": 1}, f.weights(config.Default))
	require.NoError(t, f.Delete(config.Default, "pod4"))

	f.plane.SetMissing("lp2", false)
	require.NoError(t, f.SetLink(link("lp2", 20)))
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1}, f.weights(config.Default))
	f.plane.SetMissing("lp3", false)
	require.NoError(t, f.SetLink(link("lp3", 21)))
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1, "pod3": 1}, f.weights(config.Default))
	assert.Empty(t, f.reason("pod3"))
	assert.Equal(t, engine.MAC{2, 21}, f.plane.Header(config.Default, "pod3").Src(), "made anew with another address")

	// One that is there before the plane can open it is tried again.
	f.plane.SetMissing("lp3", true)
	require.NoError(t, f.SetLink(link("lp3", 22)))
	assert.NotContains(t, f.weights(config.Default), "pod3")
	require.NoError(t, f.Reconcile())
	assert.NotContains(t, f.weights(config.Default), "pod3")
	f.plane.SetMissing("lp3", false)
	require.NoError(t, f.Reconcile())
	assert.Contains(t, f.weights(config.Default), "pod3")
}

// An interface that the plane may have been made anew without, since it was
// down, is opened when its carrier is back.
func TestCarrierReturnsToAnotherPlane(t *testing.T) {
	f := newRegistry(t)
	l := link("lp3", 12)
	require.NoError(t, f.SetLink(l))
	l.Carrier = false
	require.NoError(t, f.SetLink(l))
	f.plane.SetMissing("lp3", true)
	l.Carrier = true
	require.NoError(t, f.SetLink(l))
	assert.NotContains(t, f.weights(config.Default), "pod3", "it was looked for again")
	f.plane.SetMissing("lp3", false)
	require.NoError(t, f.Reconcile())
	assert.Contains(t, f.weights(config.Default), "pod3")
}

// What the plane failed to take over it is given again.
func TestReconcileAfterAFailure(t *testing.T) {
	f := newRegistry(t)
	require.NoError(t, f.SetLink(link("lp2", 11)))
	f.plane.FailSync = assert.AnError
	require.ErrorIs(t, f.SetLink(links.Link{Name: "lp2", Index: 11}), assert.AnError)
	require.ErrorIs(t, f.Reconcile(), assert.AnError)
	f.plane.FailSync = nil
	require.NoError(t, f.Reconcile())
	assert.NotContains(t, f.weights(config.Default), "pod2")
}

// The plane is given an interface again whose MTU changed.
func TestMTU(t *testing.T) {
	f := newRegistry(t)
	l := link("lp2", 11)
	require.NoError(t, f.SetLink(l))
	f.plane.FailOutputs = assert.AnError
	require.NoError(t, f.SetLink(l), "nothing changed")
	l.MTU = 1400
	require.ErrorIs(t, f.SetLink(l), assert.AnError)
	f.plane.FailOutputs = nil
	require.NoError(t, f.Reconcile())
}

// A member whose MAC address was not given has the one that the kernel knows
// now, and none of before, not over a restart either.
func TestNeighbours(t *testing.T) {
	f := newRegistry(t)
	type neighbour struct {
		index int
		addr  netip.Addr
	}
	var asked []neighbour
	f.Keep = func(index int, addr netip.Addr) { asked = append(asked, neighbour{index, addr}) }
	members := pods(1, 2)
	members[1].MAC = engine.MAC{}
	addr := members[1].Addr
	require.NoError(t, f.SetMembers(config.Default, members))
	assert.Empty(t, asked, "nothing is known of lp2 yet")
	assert.Equal(t, map[string]uint32{"pod1": 1}, f.weights(config.Default))
	assert.Equal(t, "no neighbour 10.9.2.2 on lp2", f.reason("pod2"))
	require.NoError(t, f.SetLink(link("lp2", 7)))
	assert.Equal(t, []neighbour{{7, addr}}, asked)
	require.NoError(t, f.Reconcile())
	assert.Len(t, asked, 2, "again, while it does not answer")

	for _, mac := range []engine.MAC{{2, 1}, {2, 2}} {
		require.NoError(t, f.SetNeighbour(links.Neighbour{Index: 7, Addr: addr, MAC: mac}))
		assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1}, f.weights(config.Default))
		assert.Equal(t, mac, f.plane.Header(config.Default, "pod2").Dst())
	}
	require.NoError(t, f.SetNeighbour(links.Neighbour{Index: 7, Addr: addr, Gone: true}))
	assert.Contains(t, f.weights(config.Default), "pod2", "its address holds until it does not answer")
	assert.Len(t, asked, 3, "the kernel forgot it, and is to find it again")
	require.NoError(t, f.Reconcile())
	assert.Len(t, asked, 3)
	without := link("lp2", 7)
	without.Carrier = false
	require.NoError(t, f.SetLink(without))
	assert.Len(t, asked, 3)
	require.NoError(t, f.SetLink(link("lp2", 7)))
	assert.Len(t, asked, 4, "the kernel forgot it with the carrier")
	data, err := f.Save()
	require.NoError(t, err)
	assert.NotContains(t, string(data), "02:02:00")
	require.NoError(t, f.SetNeighbour(links.Neighbour{Index: 8, Addr: addr}), "on another interface")
	assert.Len(t, f.weights(config.Default), 2)
	require.NoError(t, f.SetNeighbour(links.Neighbour{Index: 7, Addr: addr}))
	assert.NotContains(t, f.weights(config.Default), "pod2")

	// Behind an interface made anew it is another neighbour.
	require.NoError(t, f.SetNeighbour(links.Neighbour{Index: 7, Addr: addr, MAC: engine.MAC{2, 1}}))
	require.NoError(t, f.SetLink(link("lp2", 9)))
	assert.Equal(t, "no neighbour 10.9.2.2 on lp2", f.reason("pod2"))
	assert.Equal(t, neighbour{9, addr}, asked[len(asked)-1])
	require.NoError(t, f.SetNeighbour(links.Neighbour{Index: 9, Addr: addr, MAC: engine.MAC{2, 3}}))
	assert.Empty(t, f.reason("pod2"))

	elsewhere := service(t, "dns", other, "maglev", []config.Member{members[1]})
	elsewhere.Members[0].Addr = netip.MustParseAddr("10.9.2.9")
	var refused *services.RefusedError
	first := service(t, config.Default, vip, "maglev", members)
	require.ErrorAs(t, f.Replace([]config.Service{first, elsewhere}, "two"), &refused)
}

// A member with a MAC address of the gateway's own would get no packet: it is
// down, and says why, until that is mended.
func TestMemberWithTheGatewaysOwnAddress(t *testing.T) {
	for dev, mac := range map[string]engine.MAC{"lp1": {2, 0, 0, 0, 0, 1}, "lc": {2, 0, 0, 0, 0, 9}} {
		f := newRegistry(t)
		require.NoError(t, f.SetLink(links.Link{Name: dev, Index: 7, Carrier: true, MAC: mac}))
		wrong := pod(1, 1)
		wrong.MAC = mac
		require.NoError(t, f.SetMembers(config.Default, []config.Member{wrong, pod(2, 1)}))
		m := f.Stats().Services[0].Members[0]
		assert.Equal(t, services.Down, m.State)
		assert.Contains(t, m.Reason, " is that of "+dev+", an interface of this host")
		assert.Equal(t, map[string]uint32{"pod2": 1}, f.weights(config.Default))
		require.NoError(t, f.SetMembers(config.Default, pods(1, 2)))
		assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1}, f.weights(config.Default))
	}
}
