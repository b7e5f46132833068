package bgp

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A router has told of all its routes when it says so of each family, or some
// seconds after the session began if it never does.
func TestToldAll(t *testing.T) {
	began := time.Unix(0, 0)
	keeps := config.Peer{Restart: time.Minute}
	s := session{at: began, families: []bgp.Family{bgp.RF_IPv4_UC, bgp.RF_IPv6_UC}}
	assert.False(t, s.toldAll(config.Peer{}, began))
	s.end(bgp.RF_IPv6_UC)
	s.end(bgp.RF_IPv6_UC)
	s.end(bgp.RF_EVPN)
	assert.False(t, s.toldAll(config.Peer{}, began), "one of two")
	assert.False(t, s.toldAll(config.Peer{}, began.Add(silent-1)))
	assert.True(t, s.toldAll(config.Peer{}, began.Add(silent)))
	assert.False(t, s.toldAll(keeps, began.Add(restarts-1)))
	assert.True(t, s.toldAll(keeps, began.Add(restarts)))
	s.end(bgp.RF_IPv4_UC)
	assert.True(t, s.toldAll(keeps, began))
	assert.False(t, (&session{at: began}).toldAll(keeps, began), "it has no family")
}

// Who has no session has told nothing that holds, however long ago that was.
func TestNobodyTellsWithoutASession(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.1") // of TEST-NET-1: nobody is there
	s, err := Start(config.BGP{AS: 65101, ID: netip.MustParseAddr("127.0.0.1"), Peers: []config.Peer{{Addr: addr}}},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	for _, last := range []*session{nil, {at: time.Unix(0, 0)}, {at: time.Unix(0, 0), reason: "it ended"}} {
		s.mu.Lock()
		s.heard[addr] = last
		s.mu.Unlock()
		assert.False(t, s.State().Peers[0].ToldAll)
	}
}

// The families of a session are those that both ends have.
func TestFamilies(t *testing.T) {
	v4, v6 := bgp.NewCapMultiProtocol(bgp.RF_IPv4_UC), bgp.NewCapMultiProtocol(bgp.RF_IPv6_UC)
	peer := config.Peer{Addr: netip.MustParseAddr("127.0.0.3")}
	both := Speaker{config: config.BGP{NextHops: []netip.Addr{netip.MustParseAddr("fd09::1")}}}
	assert.Equal(t, []bgp.Family{bgp.RF_IPv4_UC, bgp.RF_IPv6_UC},
		both.familiesOf(peer, []bgp.ParameterCapabilityInterface{v6, bgp.NewCapRouteRefresh(), v4}))
	assert.Equal(t, []bgp.Family{bgp.RF_IPv4_UC}, both.familiesOf(peer, nil))
	one := new(Speaker)
	assert.Equal(t, []bgp.Family{bgp.RF_IPv4_UC},
		one.familiesOf(peer, []bgp.ParameterCapabilityInterface{v4, v6}))
}

// A router's routes are all there when it says so; when its session ends they
// are gone, and nobody has taken them back.
func TestRouterTellsAll(t *testing.T) {
	const addr, prefix = "127.0.0.3", "172.31.0.0/24"
	s, err := Start(config.BGP{AS: 65101, ID: netip.MustParseAddr("127.0.0.1"), Listen: freePort(t),
		Learn: &config.Learn{Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix)}},
		Peers: []config.Peer{{Addr: netip.MustParseAddr(addr), AS: 65003, Hold: 9 * time.Second, Restart: time.Hour}}},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	require.NoError(t, s.Connect())
	peer := func() PeerState { return s.State().Peers[0] }
	waits := func(what string, until func() bool) {
		t.Helper()
		require.Eventually(t, until, time.Minute, time.Millisecond, what)
	}

	end := router(t, s.config.Listen, addr, prefix)
	waits("it has told all", func() bool { return peer().ToldAll })
	s.mu.Lock()
	assert.Equal(t, []bgp.Family{bgp.RF_IPv4_UC}, s.heard[netip.MustParseAddr(addr)].ends, "it said so itself")
	s.mu.Unlock()
	routes, err := s.Routes()
	require.NoError(t, err)
	hop := Hop{Addr: netip.MustParseAddr(addr), Weight: 1, Routers: []netip.Addr{netip.MustParseAddr(addr)}}
	assert.Equal(t, []Route{{Prefix: netip.MustParsePrefix(prefix), Hops: []Hop{hop}}}, routes)
	end()
	waits("its routes are gone", func() bool {
		routes, err := s.Routes()
		gone := err == nil && len(routes) == 0
		if gone { // asked after the routes: nothing comes between
			require.False(t, peer().ToldAll, "it has not taken them back")
		}
		return gone
	})
	router(t, s.config.Listen, addr)
	waits("it has told that it has none", func() bool { return peer().ToldAll })
}

func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // nothing was written
	return netip.MustParseAddrPort(l.Addr().String())
}

// router starts one at an address of this host, which announces prefixes and
// says when it has done so. It returns what ends it without a word about them.
func router(t *testing.T, speaker netip.AddrPort, addr string, prefixes ...string) (end func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	r := server.NewBgpServer(server.LoggerOption(slog.New(slog.DiscardHandler), new(slog.LevelVar)))
	go r.Serve()
	require.NoError(t, r.StartBgp(ctx, &api.StartBgpRequest{Global: &api.Global{Asn: 65003, RouterId: addr,
		ListenPort: -1, UseMultiplePaths: true}}))
	ended := false
	end = func() {
		if !ended {
			ended = true
			defer r.Stop()
			require.NoError(t, r.StopBgp(ctx, &api.StopBgpRequest{}))
		}
	}
	t.Cleanup(end)
	for _, p := range prefixes {
		nlri, err := bgp.NewIPAddrPrefix(netip.MustParsePrefix(p))
		require.NoError(t, err)
		next, err := bgp.NewPathAttributeNextHop(netip.MustParseAddr(addr))
		require.NoError(t, err)
		_, err = r.AddPath(apiutil.AddPathRequest{Paths: []*apiutil.Path{{Family: bgp.RF_IPv4_UC, Nlri: nlri,
			Attrs: []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), next}}}})
		require.NoError(t, err)
	}
	family := &api.Family{Afi: api.Family_AFI_IP, Safi: api.Family_SAFI_UNICAST}
	require.NoError(t, r.AddPeer(ctx, &api.AddPeerRequest{Peer: &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: speaker.Addr().String(), PeerAsn: 65101},
		Transport: &api.Transport{LocalAddress: addr, RemotePort: uint32(speaker.Port())},
		Timers: &api.Timers{Config: &api.TimersConfig{ConnectRetry: 1, IdleHoldTimeAfterReset: 1, HoldTime: 9,
			KeepaliveInterval: 3}},
		GracefulRestart: &api.GracefulRestart{Enabled: true, RestartTime: 1},
		AfiSafis: []*api.AfiSafi{{Config: &api.AfiSafiConfig{Family: family, Enabled: true},
			MpGracefulRestart: &api.MpGracefulRestart{Config: &api.MpGracefulRestartConfig{Enabled: true}}}},
	}}))
	return end
}
