package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/hash"
)

// On drawn routers the kernel is asked about drawn flows: interfaces with no,
// one or several addresses, next hops with and without gateway, of the other
// family and of link-local addresses, routes within routes, tables and rules,
// hosts and routers, links and neighbours that are down.
func TestDrawnRouters(t *testing.T) { inNamespace(t, testDrawnRouters) }

func testDrawnRouters(t *testing.T) {
	r := newRand(t, 2)
	b := newCellbed(t)
	setSysctl(t, "ipv4/fib_multipath_hash_seed", 7)
	routers, flows := 40, 100
	if testing.Short() {
		routers = 10
	}
	agreed, otherwise, unpredicted := 0, 0, map[string]int{}
	for range routers {
		commands := b.drawRouter(t, r)
		conn, err := fib.Dial()
		require.NoError(t, err)
		h, err := newHost(conn)
		require.NoError(t, err)
		for range flows {
			k, kind := b.drawFlow(r, h)
			p, err := h.predict(k, kind)
			require.NoError(t, err, "%s %s\n%s", k, kind, commands)
			switch {
			case p.Nexthop == "":
				unpredicted[generalized(p.Why)]++
			case p.wrong():
				require.Fail(t, "predicted wrongly", "%s %s, in by %d, mark %d: predicted %s, or %s for a query; "+
					"the kernel takes %s; %s\n%s", k, kind, h.in, h.mark, p.Nexthop, p.Query, p.Kernel, p.Why, commands)
			default:
				agreed++
				if p.Why != "" {
					otherwise++
				}
			}
		}
		require.NoError(t, conn.Close())
	}
	assert.Greater(t, agreed, routers*flows/2)
	t.Logf("%d flows of %d routers as predicted, %d of them not by the hash alone; not predicted: %v", agreed, routers,
		otherwise, unpredicted)
}

// drawFlow draws a flow, and who sends it.
func (b *cellbed) drawFlow(r *rand.Rand, h *host) (hash.FlowKey, socket) {
	to, from := netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("11.0.0.0/8")
	sources := []string{"192.0.2.1", "10.1.0.1", "10.9.0.1", "10.9.1.1", "10.9.2.1"}
	if r.IntN(2) == 0 {
		to, from = netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/16")
		sources = []string{"2001:db8:ffff::1", "fd01::1", "fd00:9:1::1"}
	}
	kind := []socket{forwarded, bound, connected, unbound}[r.IntN(4)]
	src := netip.MustParseAddr(sources[r.IntN(len(sources))])
	h.in, h.mark = 0, uint32(r.IntN(3))
	if kind == forwarded {
		src, h.in = addressIn(from, r), b.vin
	}
	port := func() uint16 { return uint16(1 + r.IntN(3000)) }
	return hash.NewFlowKey([]uint8{hash.TCP, hash.UDP}[r.IntN(2)], netip.AddrPortFrom(src, port()),
		netip.AddrPortFrom(addressIn(to, r), port())), kind
}

// drawRouter sets up a drawn router and returns the commands.
func (b *cellbed) drawRouter(t *testing.T, r *rand.Rand) string {
	t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		setSysctl(t, family+"/fib_multipath_hash_policy", r.Uint64N(4))
		setSysctl(t, family+"/fib_multipath_hash_fields", []uint64{7, 0x37, 0x3f}[r.IntN(3)])
		for _, device := range []string{"v0", "v1", "v2"} {
			setSysctl(t, family+"/conf/"+device+"/ignore_routes_with_linkdown", r.Uint64N(2))
		}
	}
	setSysctl(t, "ipv4/fib_multipath_use_neigh", r.Uint64N(2))
	setSysctl(t, "ipv6/conf/all/forwarding", r.Uint64N(2))
	b.reset(t)
	d := &drawing{Rand: r}
	d.addresses()
	d.routes(false)
	d.routes(true)
	d.faults()
	for line := range strings.Lines(d.String()) {
		if rule, ok := strings.CutPrefix(line, "rule6 "); ok {
			ip(t, "-6", append([]string{"rule"}, strings.Fields(rule)...)...)
			continue
		}
		_ = netns.IP(line) // the kernel may refuse it
	}
	for i := range 3 {
		if strings.Contains(d.String(), fmt.Sprintf("link set p%d down", i)) {
			b.waitForCarrier(t, fmt.Sprintf("v%d", i), false)
		}
	}
	return d.String()
}

// ip runs a command of ip, which may fail.
func ip(t *testing.T, family string, args ...string) {
	t.Helper()
	_ = exec.CommandContext(t.Context(), "ip", append([]string{family}, args...)...).Run()
}

// reset removes what a drawn router has, and repairs what is down.
func (b *cellbed) reset(t *testing.T) {
	t.Helper()
	for _, family := range []string{"-4", "-6"} {
		for _, table := range []string{"main", "100", "101"} {
			ip(t, family, "route", "flush", "table", table)
		}
		ip(t, family, "rule", "flush")
		ip(t, family, "rule", "add", "lookup", "main", "pref", "32766")
	}
	ip(t, "-4", "nexthop", "flush")
	var c strings.Builder
	for i := range 3 {
		fmt.Fprintf(&c, "addr flush dev v%d\nlink set v%d down\nlink set v%d up\n", i, i, i)
	}
	c.WriteString("route replace 10.1.0.0/24 dev vin\nroute replace fd01::/64 dev vin\n" +
		"route replace 11.0.0.0/8 dev vin\nroute replace 2001::/16 dev vin\n")
	require.NoError(t, netns.IP(c.String()))
	b.repair(t)
}
