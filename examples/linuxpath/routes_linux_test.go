package main

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
	"github.com/ecmp-go/ecmp/examples/netns"
)

// Next hops are read from every form that a route has: a gateway, an interface
// alone, a list in the route, a nexthop object and groups of them, which
// TestOracle reads too.
func TestRoutes(t *testing.T) { inNamespace(t, testRoutes) }

func testRoutes(t *testing.T) {
	newTestbed(t)
	require.NoError(t, netns.IP(`nexthop add id 50 group 5,256/12
route add 192.0.2.0/24 via 10.0.0.2
route add 192.0.2.0/24 via 10.0.0.3 table 99
route add 198.51.100.0/24 dev vout
route add 203.0.113.0/26 nexthop via 10.0.0.3 weight 3 nexthop dev vin nexthop via inet6 fd00::2 dev vout weight 256
route add 203.0.113.64/26 via inet6 fd00::3 dev vout
route add 203.0.113.128/26 nhid 2
route add 203.0.113.192/26 nhid 12
route add default nhid 3
route add 2001:db8::/32 nexthop via fd00::2 dev vout weight 2 nexthop via fd00::3 dev vout
route add default via fd00::4 dev vout
route add unreachable 240.0.0.0/8
`))
	in, out := interfaceIndex(t, "vin"), interfaceIndex(t, "vout")
	hop := func(gateway string, weight uint32) fib.Hop {
		return fib.Hop{Gateway: netip.MustParseAddr(gateway), Out: out, Weight: weight}
	}
	conn, err := fib.Dial()
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // nothing was written
	for _, c := range []struct {
		prefix, inside string
		hops           []fib.Hop
	}{
		{"192.0.2.0/24", "192.0.2.1", []fib.Hop{hop("10.0.0.2", 1)}},
		{"198.51.100.0/24", "198.51.100.1", []fib.Hop{{Out: out, Weight: 1}}},
		{"203.0.113.0/26", "203.0.113.1", []fib.Hop{hop("10.0.0.3", 3), {Out: in, Weight: 1}, hop("fd00::2", 256)}},
		{"203.0.113.64/26", "203.0.113.65", []fib.Hop{hop("fd00::3", 1)}},
		{"203.0.113.128/26", "203.0.113.129", []fib.Hop{hop("10.0.0.3", 1)}},
		{"203.0.113.192/26", "203.0.113.193", []fib.Hop{hop("fd00::3", 1)}},
		{"0.0.0.0/0", "8.8.8.8", []fib.Hop{hop("10.0.0.4", 1)}},
		{"2001:db8::/32", "2001:db8::1", []fib.Hop{hop("fd00::2", 2), hop("fd00::3", 1)}},
		{"::/0", "3000::1", []fib.Hop{hop("fd00::4", 1)}},
	} {
		route, err := conn.Route(netip.MustParsePrefix(c.prefix))
		require.NoError(t, err, c.prefix)
		assert.Equal(t, c.hops, route.Hops, c.prefix)

		// The kernel names the next hop of a flow as the route does.
		answer, err := conn.Ask(fib.Query{Dst: netip.MustParseAddr(c.inside), Proto: 6, SrcPort: 1, DstPort: 2})
		require.NoError(t, err, c.inside)
		assert.True(t, slices.ContainsFunc(c.hops, func(h fib.Hop) bool {
			return fib.Answer{Gateway: h.Gateway, Out: h.Out} == answer
		}), "%s: %+v", c.inside, answer)
	}

	for _, prefix := range []string{"192.0.2.0/25", "192.0.3.0/24", "2001:db8::/48", "10.1.0.1/32"} {
		_, err := conn.Route(netip.MustParsePrefix(prefix))
		require.ErrorIs(t, err, fib.ErrNoRoute, prefix)
	}
	_, err = conn.Ask(fib.Query{Dst: netip.MustParseAddr("240.0.0.1"), Proto: 6})
	require.ErrorIs(t, err, unix.EHOSTUNREACH)
	assert.Equal(t, "no route to host", err.Error())
}
