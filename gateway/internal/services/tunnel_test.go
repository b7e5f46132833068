package services_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// A member in a tunnel is behind the router that is given, is down without that,
// and a change of its tunnel is in force at once, and in every service or in
// none.
func TestTunnels(t *testing.T) {
	f := newRegistry(t)
	router := netip.MustParseAddr("10.9.2.254")
	var asked []netip.Addr
	f.Keep = func(_ int, addr netip.Addr) { asked = append(asked, addr) }
	require.NoError(t, f.SetLink(link("lp2", 7)))
	m := pod(2, 1)
	m.MAC = engine.MAC{}
	m.Addr = netip.MustParseAddr("192.0.2.7")
	m.Tunnel = config.Tunnel{Local: netip.MustParseAddr("10.9.2.1"), Via: router}
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1), m}))
	assert.Equal(t, []netip.Addr{router}, asked)
	assert.Equal(t, "no neighbour 10.9.2.254 on lp2", f.reason("pod2"))
	require.NoError(t, f.SetNeighbour(links.Neighbour{Index: 7, Addr: router, MAC: engine.MAC{2, 9}}))
	assert.Empty(t, f.reason("pod2"))
	assert.Equal(t, "10.9.2.1 to 192.0.2.7", f.Stats().Services[0].Members[1].Tunnel)
	assert.Empty(t, f.Stats().Services[0].Members[0].Tunnel)
	assert.Contains(t, f.Places(), services.Place{ID: "pod2", Dev: "lp2", Addr: router, Outer: 20})

	want, err := engine.NewTunnel(m.Tunnel.Local, m.Addr)
	require.NoError(t, err)
	assert.Equal(t, want, f.plane.Hops()["pod2"].Tunnel)
	m.Tunnel.Remote = netip.MustParseAddr("192.0.2.8")
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1), m}))
	want, err = engine.NewTunnel(m.Tunnel.Local, m.Tunnel.Remote)
	require.NoError(t, err)
	assert.Equal(t, want, f.plane.Hops()["pod2"].Tunnel)

	// Without a router given, it is the kernel's.
	m.Tunnel.Via = netip.Addr{}
	require.NoError(t, f.SetMembers(config.Default, []config.Member{pod(1, 1), m}))
	assert.Equal(t, "no neighbour 192.0.2.8 on lp2", f.reason("pod2"))
	at := services.Place{ID: "pod2", Dev: "lp2", Addr: m.Tunnel.Remote, Outer: 20}
	other := netip.MustParseAddr("10.9.2.253")
	require.NoError(t, f.SetRouters(map[services.Place]netip.Addr{at: other}))
	assert.Equal(t, other, asked[len(asked)-1])
	assert.Equal(t, "no neighbour 10.9.2.253 on lp2", f.reason("pod2"))
	require.NoError(t, f.SetRouters(map[services.Place]netip.Addr{at: router}))
	assert.Empty(t, f.reason("pod2"), "known from before")
	assert.Equal(t, engine.MAC{2, 9}, f.plane.Hops()["pod2"].Header.Dst())
	version := f.versions()[config.Default]
	require.NoError(t, f.SetRouters(map[services.Place]netip.Addr{at: router}))
	assert.Equal(t, version, f.versions()[config.Default], "nothing changed")
	require.NoError(t, f.SetRouters(nil))
	assert.Equal(t, "no neighbour 192.0.2.8 on lp2", f.reason("pod2"))

	elsewhere := m
	elsewhere.Tunnel.Remote = netip.Addr{}
	dns := service(t, "dns", netip.MustParseAddr("172.16.0.53"), "maglev", []config.Member{elsewhere})
	first := service(t, config.Default, vip, "maglev", []config.Member{m})
	var refused *services.RefusedError
	require.ErrorAs(t, f.Replace([]config.Service{first, dns}, "two"), &refused)
	assert.Contains(t, refused.Error(), `"tunnel" in another service`)
}
