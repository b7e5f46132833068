package live

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// What is to be learned is told at the start: the configuration in force is of
// the goroutine that watches the file, and is not to be looked at.
func TestLearnLooksAtNoConfiguration(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g := &gateway{speaker: new(bgp.Speaker), connected: make(chan struct{})}
	close(g.connected)
	require.NoError(t, g.learn(ctx, &config.Learn{}))
	require.NoError(t, g.learn(ctx, nil))
}

// A route that contains an address of this host is not served, and that is said
// once for as long as it is announced.
func TestOwnAddressesAreNotLearned(t *testing.T) {
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	addrs := []netip.Addr{addr("10.9.0.1"), addr("172.31.7.1")}
	var routes []route
	for _, p := range []string{
		"0.0.0.0/0", "10.9.0.0/25", "172.31.6.0/24", "172.31.7.0/24", "172.31.7.1/32", "172.31.7.2/32",
	} {
		routes = append(routes, route{prefix(p), []hop{{Hop: bgp.Hop{Addr: addr("10.9.0.2"), Weight: 1}, dev: "lc"}}})
	}
	l, own := serve(routes, addrs)
	var served []netip.Prefix
	for _, s := range l.services {
		served = append(served, s.Prefixes...)
	}
	assert.Equal(t, []netip.Prefix{prefix("172.31.6.0/24"), prefix("172.31.7.2/32")}, served)
	assert.Equal(t, []netip.Prefix{prefix("0.0.0.0/0"), prefix("10.9.0.0/25"), prefix("172.31.7.0/24"),
		prefix("172.31.7.1/32")}, own)

	var log bytes.Buffer
	g := &gateway{Options: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	lines := func() int { return strings.Count(log.String(), "\n") }
	told := g.tellOwn(own, nil)
	assert.Equal(t, len(own), lines())
	told = g.tellOwn(own, told)
	assert.Equal(t, len(own), lines(), "again")
	told = g.tellOwn(own[1:], told)
	g.tellOwn(own, told)
	assert.Equal(t, len(own)+1, lines(), "withdrawn meanwhile")
}

// The addresses of the loopback interface are this host's as well.
func TestOwnAddrs(t *testing.T) {
	own, err := ownAddrs()
	require.NoError(t, err)
	assert.Contains(t, own, netip.MustParseAddr("127.0.0.1"))
}
