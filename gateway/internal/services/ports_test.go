package services_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/hash"
)

// An address has several services, by protocol and port: who asks where a flow
// goes is told the right one, and so are those who read the statistics.
func TestServicesOfOneAddress(t *testing.T) {
	f := newRegistry(t)
	web := service(t, "web", vip, "maglev", pods(1))
	web.Protocol, web.Ports = hash.TCP, []plane.PortRange{{First: 80, Last: 80}, {First: 8000, Last: 8099}}
	tcp := service(t, "tcp", vip, "maglev", pods(2))
	tcp.Protocol = hash.TCP
	rest := service(t, "rest", vip, "maglev", pods(3))
	require.NoError(t, f.Replace([]config.Service{web, rest, tcp}, ""))
	for _, c := range []struct {
		proto uint8
		port  uint16
		want  string
	}{{hash.TCP, 80, "web"}, {hash.TCP, 8050, "web"}, {hash.TCP, 81, "tcp"}, {hash.UDP, 80, "rest"},
		{hash.ICMP, 0, "rest"}} {
		port := uint16(1000)
		if c.port == 0 {
			port = 0
		}
		a, err := f.Flow(services.Question{Proto: c.proto, Dst: netip.AddrPortFrom(vip, c.port),
			Src: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port)})
		require.NoError(t, err)
		assert.Equal(t, c.want, a.Service, c)
	}
	stats := f.Stats()
	b, err := json.Marshal(stats.Services[0])
	require.NoError(t, err)
	assert.Contains(t, string(b), `"vip":["172.16.0.20/32"],"protocol":"tcp","ports":[80,"8000-8099"]`)
	var again services.ServiceStats
	require.NoError(t, json.Unmarshal(b, &again))
	assert.Equal(t, web.Ports, again.Ports)
	assert.Empty(t, stats.Services[1].Protocol)

	web.Ports = web.Ports[:1]
	require.NoError(t, f.Replace([]config.Service{web, rest, tcp}, ""))
	assert.Equal(t, "ports changed", f.Stats().Changes[0].What)
	a, err := f.Flow(services.Question{Proto: hash.TCP, Dst: netip.AddrPortFrom(vip, 8050),
		Src: netip.MustParseAddrPort("10.0.0.1:1000")})
	require.NoError(t, err)
	assert.Equal(t, "tcp", a.Service)

	require.NoError(t, f.Replace([]config.Service{web}, ""))
	a, err = f.Flow(services.Question{Proto: hash.TCP, Dst: netip.AddrPortFrom(vip, 81),
		Src: netip.MustParseAddrPort("10.0.0.1:1000")})
	require.NoError(t, err)
	assert.Equal(t, services.NotForService, a.Verdict)
}

// Two services with the same packets are refused, and nothing is changed.
func TestServicesWithTheSamePackets(t *testing.T) {
	f := newRegistry(t)
	before := f.versions()
	var conflict *plane.ConflictError
	require.ErrorAs(t, f.Replace([]config.Service{service(t, "a", vip, "maglev", pods(1)),
		service(t, "b", vip, "maglev", pods(2))}, ""), &conflict)
	assert.Equal(t, [2]string{"a", "b"}, [2]string{conflict.Before, conflict.Service})
	assert.Equal(t, before, f.versions())
}

// run has the registry run until the test ends.
func run(t *testing.T, f fixture) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { return f.Health() == nil }, waitFor, tick)
}

// An address is announced, once, while one of its services forwards.
func TestAnnouncedWhileOneServiceForwards(t *testing.T) {
	f := newRegistry(t)
	web := service(t, "web", vip, "maglev", pods(1))
	web.Protocol = hash.TCP
	rest := service(t, "rest", vip, "maglev", pods(3))
	require.NoError(t, f.Replace([]config.Service{web, rest}, ""))
	run(t, f)
	forwarding := func() (int, int) {
		prefixes, others := f.Forwarding()
		return len(prefixes), others
	}
	announced, others := forwarding()
	assert.Equal(t, [2]int{1, 0}, [2]int{announced, others})
	require.NoError(t, f.SetDown("web", "pod1", true))
	announced, others = forwarding()
	assert.Equal(t, [2]int{1, 1}, [2]int{announced, others})
	require.NoError(t, f.SetDown("rest", "pod3", true))
	announced, others = forwarding()
	assert.Equal(t, [2]int{0, 2}, [2]int{announced, others})
}
