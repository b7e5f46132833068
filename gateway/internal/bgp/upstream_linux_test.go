package bgp_test

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
)

// Three gateways announce a service to a router, which spreads connections over
// them. Whatever a gateway does then, no connection is lost: those that stay
// place alike.
func TestUpstream(t *testing.T) {
	for _, router := range []string{"bird", "frr"} {
		t.Run(router, func(t *testing.T) {
			b := newBed(t, 3)
			b.router(t, router, []neighbour{{1, false}, {2, true}, {3, true}})
			b.gateways[0].configure(t, session{"restart": "60s"}, nil)
			b.gateways[1].configure(t, session{"bfd": "100ms"}, nil)
			b.gateways[2].configure(t, session{"bfd": "100ms"}, nil)
			for _, g := range b.gateways {
				g.start(t)
			}
			took := wait(t, "a route over three gateways", func() bool { return b.via(1, 2, 3) })
			t.Logf("%s: a route over three gateways %v after they forwarded", router, took)
			b.health(t, router)
			conns := b.connect(t, 300)
			b.drained(t, router, conns)
			b.terminated(t, conns)
			b.silent(t, router, conns)
			b.killed(t, router, conns)
		})
	}
}

// health: a service that can't forward is withdrawn, and announced again.
func (b *bed) health(t *testing.T, router string) {
	t.Helper()
	g := b.gateways[2]
	for i := 1; i <= numPods; i++ {
		require.NoError(t, g.call("POST", fmt.Sprintf("/members/pod%d/down", i), nil))
	}
	took := wait(t, "withdrawn", func() bool { return b.via(1, 2) })
	t.Logf("%s: withdrawn %v after the last member was down", router, took)
	require.NoError(t, g.call("POST", "/members/pod1/up", nil))
	took = wait(t, "announced", func() bool { return b.via(1, 2, 3) })
	t.Logf("%s: announced %v after a member was up", router, took)
	for i := 2; i <= numPods; i++ {
		require.NoError(t, g.call("POST", fmt.Sprintf("/members/pod%d/up", i), nil))
	}
}

// drained: routers prefer others before the prefixes are withdrawn.
func (b *bed) drained(t *testing.T, router string, conns *connections) {
	t.Helper()
	g := b.gateways[0]
	require.NoError(t, g.call("POST", "/bgp/drain", nil))
	took := wait(t, "out of the route", func() bool { return b.via(2, 3) })
	t.Logf("%s: out of the route %v after the drain began", router, took)
	assert.Zero(t, conns.lost(), "during the drain")
	wait(t, "withdrawn", func() bool { return g.stats(t).BGP.Phase == bgp.Withdrawn })
	wait(t, "the others are there", func() bool { return b.via(2, 3) })
	assert.Zero(t, conns.lost(), "after the drain")
	require.NoError(t, g.call("POST", "/bgp/resume", nil))
	wait(t, "announced again", func() bool { return b.via(1, 2, 3) })
	assert.Zero(t, conns.lost(), "after the gateway came back")
}

// terminated: the process drains when it is told to end.
func (b *bed) terminated(t *testing.T, conns *connections) {
	t.Helper()
	g := b.gateways[1]
	require.NoError(t, g.child.Process.Signal(syscall.SIGTERM))
	wait(t, "out of the route", func() bool { return b.via(1, 3) })
	assert.Zero(t, conns.lost(), "during the drain of a process that ends")
	<-g.ended
	assert.Zero(t, g.child.ProcessState.ExitCode(), g.output.String())
	assert.Zero(t, conns.lost(), "after the end of the process")
	g.start(t)
	wait(t, "announced again", func() bool { return b.via(1, 2, 3) })
	assert.Zero(t, conns.lost(), "after the start of the process")
}

// silent: BFD finds a gateway that says nothing any more.
func (b *bed) silent(t *testing.T, router string, conns *connections) {
	t.Helper()
	g := b.gateways[2]
	wait(t, "BFD is up", func() bool { return g.stats(t).BGP.Peers[0].BFD == "up" })
	require.NoError(t, g.child.Process.Signal(syscall.SIGSTOP))
	took := wait(t, "out of the route", func() bool { return b.via(1, 2) })
	t.Logf("%s: out of the route %v after a silent loss; the bar is 500ms", router, took)
	assert.Zero(t, conns.lost(), "after a silent loss")
	require.NoError(t, g.child.Process.Signal(syscall.SIGCONT))
	wait(t, "announced again", func() bool { return b.via(1, 2, 3) })
	assert.Zero(t, conns.lost(), "after the gateway is back")
}

// killed: the route stays while a gateway with graceful restart is started
// again.
func (b *bed) killed(t *testing.T, router string, conns *connections) {
	t.Helper()
	g := b.gateways[0]
	since := g.stats(t).BGP.Peers[0].Since
	g.end(syscall.SIGKILL)
	killed := time.Now()
	require.True(t, b.keeps(g.number), "the route stays")
	g.start(t)
	wait(t, "the session is back", func() bool {
		require.True(t, b.keeps(g.number), "the route stays")
		p := g.stats(t).BGP.Peers[0]
		return p.Established() && p.Since.After(since)
	})
	t.Logf("%s: a session again %v after SIGKILL", router, time.Since(killed))
	// What the router does after End-of-RIB it has done when it has taken a
	// change that came later.
	require.NoError(t, g.call("POST", "/bgp/drain", nil))
	wait(t, "out of the route", func() bool { return b.via(2, 3) })
	require.NoError(t, g.call("POST", "/bgp/resume", nil))
	wait(t, "announced again", func() bool { return b.via(1, 2, 3) })
	assert.Zero(t, conns.lost(), "after SIGKILL")
}

// A gateway with twice the bandwidth gets twice the flows of frr; bird shows
// the community and ignores it.
func TestBandwidth(t *testing.T) {
	b := newBed(t, 2)
	b.frr(t, []neighbour{{1, false}, {2, false}})
	b.gateways[0].configure(t, session{}, map[string]any{"bandwidth": 2000})
	b.gateways[1].configure(t, session{}, map[string]any{"bandwidth": 1000})
	for _, g := range b.gateways {
		g.start(t)
	}
	wait(t, "a route over two gateways", func() bool { return b.via(1, 2) })
	const flows = 4000
	for _, vip := range []string{vip4, vip6} {
		before := [2]uint64{}
		for i, g := range b.gateways {
			before[i] = g.stats(t).In.Frames
		}
		require.NoError(t, b.client.Do(func() error { return sendFlows(vip, flows) }))
		var got [2]float64
		wait(t, "datagrams come through", func() bool {
			for i, g := range b.gateways {
				got[i] = float64(g.stats(t).In.Frames - before[i])
			}
			return got[0]+got[1] >= flows*.95
		})
		share := 100 * got[0] / (got[0] + got[1])
		t.Logf("%s: %.0f and %.0f flows, %.1f %% by the gateway with two thirds of the bandwidth", vip, got[0], got[1],
			share)
		assert.InDelta(t, 100*2./3, share, 5)
	}
}

// sendFlows sends a datagram from each of so many ports.
func sendFlows(vip string, flows int) error {
	to := netip.AddrPortFrom(netip.MustParseAddr(vip), 9)
	for i := range flows {
		from := netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(10000+i))
		if to.Addr().Is6() {
			from = netip.AddrPortFrom(netip.IPv6Unspecified(), from.Port())
		}
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(from))
		if err != nil {
			return err
		}
		_, err = c.WriteToUDPAddrPort([]byte("flow"), to)
		if closed := c.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}
