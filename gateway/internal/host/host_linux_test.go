package host_test

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
)

// newRouter makes a namespace with lc, whose networks are 10.9.0.0/24 and
// fd09::/64, and lp1.
func newRouter(t *testing.T, name string) *netns.Namespace {
	t.Helper()
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	n, err := netns.New(name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	connect(t, n)
	require.NoError(t, n.IP("link add lp1 type veth peer name p1\nlink set lp1 up\naddr add 10.9.1.1/24 dev lp1\n"))
	return n
}

func connect(t *testing.T, n *netns.Namespace) {
	t.Helper()
	require.NoError(t, n.IP("link add lc type veth peer name c0\nlink set c0 up\nlink set lc up\n"+
		"addr add 10.9.0.1/24 dev lc\naddr add fd09::1/64 dev lc nodad\n"))
}

func prefixes(list ...string) (p []netip.Prefix) {
	for _, s := range list {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

// all has a routed VIP and one on the link of lc, in both families, and a prefix
// that holds another.
func all() host.Want {
	return host.Want{
		VIPs: prefixes("172.16.0.20/32", "10.9.0.20/32", "fd16::20/128", "fd09::20/128",
			"10.9.0.32/30", "10.9.0.33/32"),
		In: []string{"lc"}, Out: []string{"lp1", "nowhere"},
	}
}

func run(t *testing.T, n *netns.Namespace, command string, args ...string) (out string) {
	t.Helper()
	require.NoError(t, n.Do(func() error {
		text, err := exec.CommandContext(t.Context(), command, args...).CombinedOutput()
		out = string(text)
		return err
	}), out)
	return out
}

// routes returns those of both families, but for those that the kernel adds when
// an interface has got its own address, later than its other ones.
func routes(t *testing.T, n *netns.Namespace) string {
	t.Helper()
	lines := strings.Split(run(t, n, "ip", "route")+run(t, n, "ip", "-6", "route"), "\n")
	late := func(line string) bool { return strings.HasPrefix(line, "fe80::/64") }
	return strings.Join(slices.DeleteFunc(lines, late), "\n")
}

// keep has the kernel be as a gateway wants it, and returns what was set.
func keep(t *testing.T, n *netns.Namespace, k *host.Keeper, w host.Want) (done []string) {
	t.Helper()
	require.NoError(t, n.Do(func() (err error) { done, err = k.Keep(w); return err }))
	return done
}

func ask(t *testing.T, n *netns.Namespace, w host.Want) map[string][]host.Finding {
	t.Helper()
	found := make(map[string][]host.Finding)
	require.NoError(t, n.Do(func() error {
		list, err := host.Ask(w)
		for _, f := range list {
			found[f.About] = append(found[f.About], f)
		}
		return err
	}))
	return found
}

// What is set is set once, is found by the process after one that was killed,
// is set again when somebody takes it away, and is removed at the end.
func TestKeeper(t *testing.T) {
	n := newRouter(t, "keeper")
	w, first := all(), host.NewKeeper("unix:/run/gateway/control")
	before := routes(t, n)
	require.NoError(t, n.IP("route add fd09::20/128 dev lo proto 236\n")) // of a gateway before this release
	assert.Contains(t, keep(t, n, first, w), "ip route del fd09::20/128 dev lo proto 236")
	assert.Empty(t, keep(t, n, first, w), "all is there")
	assert.Empty(t, keep(t, n, host.NewKeeper("unix:/run/gateway/control"), w), "after a kill")
	for about, list := range ask(t, n, w) {
		for _, f := range list {
			assert.False(t, f.Wrong, "%s: %s", about, f.Says)
		}
	}
	proxies := run(t, n, "ip", "neigh", "show", "proxy")
	for _, a := range []string{"10.9.0.20", "10.9.0.32", "10.9.0.35"} {
		assert.Contains(t, proxies, a+" dev lc")
	}
	assert.Contains(t, run(t, n, "ip", "-6", "neigh", "show", "proxy"), "fd09::20 dev lc")

	// The interface that packets come in by is made anew.
	require.NoError(t, n.IP("link del lc\n"))
	connect(t, n)
	again := strings.Join(keep(t, n, first, w), "\n")
	assert.Contains(t, again, "proxy 10.9.0.20")
	assert.Contains(t, again, "proxy_delay")
	assert.NotContains(t, again, "nft", "it stays")
	for _, damage := range []func() error{
		func() error { return n.IP("route del 10.9.0.20/32 dev lo\n") },
		func() error { return n.IP("neigh del proxy 10.9.0.20 dev lc\n") },
		func() error { return n.SetSysctl("ipv4/conf/lc/forwarding", 0) },
		func() error { return n.SetSysctl("ipv6/conf/all/proxy_ndp", 0) },
		func() error { return n.SetSysctl("ipv4/conf/all/rp_filter", 1) },
	} {
		require.NoError(t, damage())
		assert.NotEmpty(t, keep(t, n, first, w))
		assert.Empty(t, keep(t, n, first, w))
	}

	// Another gateway has its own; what is no longer served goes.
	other := host.NewKeeper("127.0.0.1:8080")
	few := host.Want{VIPs: prefixes("10.9.0.21/32"), In: w.In, Out: w.Out}
	keep(t, n, other, few)
	assert.Contains(t, run(t, n, "ip", "neigh", "show", "proxy"), "10.9.0.20 dev lc")
	w.VIPs = w.VIPs[:1]
	assert.Contains(t, strings.Join(keep(t, n, host.NewKeeper("unix:/run/gateway/control"), w), "\n"),
		"ip neigh del proxy 10.9.0.20")
	require.NoError(t, n.Do(first.Remove))
	proxies = run(t, n, "ip", "neigh", "show", "proxy")
	assert.NotContains(t, proxies, "10.9.0.20")
	assert.Contains(t, proxies, "10.9.0.21")
	assert.Contains(t, run(t, n, "ip", "route"), "10.9.0.21")
	require.NoError(t, n.Do(other.Remove))
	require.NoError(t, n.Do(other.Remove), "there is nothing left")
	assert.Equal(t, before, routes(t, n))
	assert.Empty(t, run(t, n, "ip", "neigh", "show", "proxy"))
}

// What goes is taken away before the rules that keep it from being a loop, and
// is looked for again after anything failed.
func TestKeeperTakesAwayFirst(t *testing.T) {
	n := newRouter(t, "shrinks")
	w, k := all(), host.NewKeeper("unix:/run/gateway/control")
	keep(t, n, k, w)
	w.VIPs = w.VIPs[:1]
	done := keep(t, n, k, w)
	at := func(what string) int {
		return slices.IndexFunc(done, func(s string) bool { return strings.HasPrefix(s, what) })
	}
	require.GreaterOrEqual(t, at("ip route del 10.9.0.20/32"), 0)
	require.GreaterOrEqual(t, at("ip neigh del proxy"), 0)
	assert.Equal(t, len(done)-1, at("nft table"), done)

	// There is no route by an interface that is down.
	require.NoError(t, n.IP("link set lo down\n"))
	w.VIPs = prefixes("10.9.0.22/32")
	require.ErrorContains(t, n.Do(func() error { _, err := k.Keep(w); return err }), "ip route add 10.9.0.22/32")
	require.NoError(t, n.IP("link set lo up\nroute add 10.9.0.22/32 dev lo proto 236\n"+
		"route add 10.9.0.21/32 dev lo proto 236\n"))
	assert.Equal(t, []string{"ip route del 10.9.0.21/32 dev lo proto 236"}, keep(t, n, k, w))
	assert.Empty(t, keep(t, n, k, w))

	// So is what was set by a call that failed, by one that wants what was
	// there before it.
	before := w.VIPs
	require.NoError(t, n.IP("link set lo down\n"))
	w.VIPs = append(before[:1:1], prefixes("10.9.0.23/32")...)
	require.Error(t, n.Do(func() error { _, err := k.Keep(w); return err }))
	require.NoError(t, n.IP("link set lo up\n"))
	w.VIPs = before
	assert.Contains(t, keep(t, n, k, w), "ip neigh del proxy 10.9.0.23 dev lc")
}

// What the kernel does with a VIP is told, whatever its table has for it.
func TestAsk(t *testing.T) {
	n := newRouter(t, "ask")
	require.NoError(t, n.IP("route add blackhole 172.16.0.21/32\nroute add unreachable 172.16.0.22/32\n"+
		"addr add 172.16.0.23/32 dev lc\nroute add 172.16.0.24/32 via 10.9.0.2\n"+
		"route add 172.16.0.25/32 via 10.9.1.2\nroute add 172.16.0.26/32 dev lo\n"+
		"route add 172.16.0.27/32 nexthop via 10.9.0.2 nexthop via 10.9.1.2\n"+
		"route add blackhole fd16::21/128\naddr add fd16::23/128 dev lc nodad\n"))
	// the kernel takes an IPv6 address for its own a moment after it was added
	require.Eventually(t, func() bool {
		return strings.Contains(run(t, n, "ip", "-6", "route", "show", "table", "local"), "fd16::23 ")
	}, time.Minute, time.Millisecond)
	for _, c := range []struct {
		vip   string
		wrong bool
		says  []string
	}{
		{"172.16.0.20/32", true, []string{"no route"}},
		{"172.16.0.21/32", false, []string{"blackhole"}},
		{"172.16.0.22/32", true, []string{"no route to host"}},
		{"172.16.0.23/32", true, []string{"address of this host"}},
		{"172.16.0.24/32", true, []string{"back by lc to 10.9.0.2"}},
		{"172.16.0.25/32", true, []string{"forwards it as well, by lp1 to 10.9.1.2"}},
		{"172.16.0.26/32", true, []string{"goes round there"}},
		{"172.16.0.27/32", true, []string{"back by lc"}},
		{"10.9.0.20/32", true, []string{"looks for it there", "nobody answers ARP for 10.9.0.20"}},
		{"fd16::20/128", true, []string{"no route"}},
		{"fd16::21/128", false, []string{"blackhole"}},
		{"fd16::23/128", true, []string{"address of this host"}},
		{"fd09::20/128", true, []string{"looks for it there", "nobody answers NDP for fd09::20"}},
		{"fd09::/65", true, []string{"", "over 256 addresses"}},
	} {
		w := host.Want{VIPs: prefixes(c.vip), In: []string{"lc"}, Out: []string{"lp1"}}
		list := ask(t, n, w)[c.vip]
		if assert.Len(t, list, len(c.says), "%s: %v", c.vip, list) {
			for i, f := range list {
				assert.Equal(t, c.wrong, f.Wrong, c.vip)
				assert.Contains(t, f.Says, c.says[i], c.vip)
			}
		}
	}
	w := all()
	w.Members = []host.Member{
		{ID: "right", Dev: "lp1", Addr: netip.MustParseAddr("10.9.1.2")},
		{ID: "elsewhere", Dev: "lp1", Addr: netip.MustParseAddr("10.9.0.7")},
		{ID: "routed", Dev: "lp1", Addr: netip.MustParseAddr("172.16.0.25")},
		{ID: "nowhere", Dev: "lp1", Addr: netip.MustParseAddr("192.0.2.9")},
		{ID: "here", Dev: "lp1", Addr: netip.MustParseAddr("10.9.1.1")},
		{ID: "absent", Dev: "lp9", Addr: netip.MustParseAddr("192.0.2.9")},
	}
	list := ask(t, n, w)
	for id, says := range map[string]string{
		"elsewhere": "in no network of lp1: the kernel has it behind lc", "nowhere": "the kernel has no route to it",
		"routed": "in no network of lp1: the kernel has it behind the router 10.9.1.2", "here": "is one of this host",
	} {
		if assert.Len(t, list["member "+id], 1, id) {
			assert.Contains(t, list["member "+id][0].Says, says)
			assert.True(t, list["member "+id][0].Wrong)
		}
	}
	assert.Empty(t, list["member right"])
	assert.Empty(t, list["member absent"], "its service says that it is down")
	assert.Contains(t, list["sysctl net/ipv4/conf/lc, lp1/forwarding=1"][0].Says, "replies")
	assert.True(t, list["sysctl net/ipv6/conf/all/proxy_ndp=1"][0].Wrong)

	// In IPv6 the kernel would answer those alone who ask everybody.
	require.NoError(t, n.IP("neigh add proxy fd09::20 dev lc\nroute add fd09::20/128 dev lo\n"))
	found := ask(t, n, host.Want{VIPs: prefixes("fd09::20/128"), In: []string{"lc"}})["fd09::20/128"]
	require.Len(t, found, 2)
	assert.Contains(t, found[1].Says, "a route of its own rejects it")
	require.NoError(t, n.IP("route del fd09::20/128 dev lo\n"))
	assert.Len(t, ask(t, n, host.Want{VIPs: prefixes("fd09::20/128"), In: []string{"lc"}})["fd09::20/128"], 1)
}

// What a data plane can't do on an interface is known from its driver.
func TestDevices(t *testing.T) {
	n := newRouter(t, "devices")
	require.NoError(t, n.IP("link add br0 type bridge\nlink set br0 up\nlink set lc mtu 9000\n"))
	look := func(needs host.Needs) (says map[string]string, out map[string]error) {
		says = make(map[string]string)
		require.NoError(t, n.Do(func() error {
			w := host.Want{In: []string{"lc", "lo"}, Out: []string{"lp1", "br0", "none"}}
			list, cannot, err := host.Devices(w, needs)
			for _, f := range list {
				says[f.About] += f.Says + "\n"
			}
			out = cannot
			return err
		}))
		return says, out
	}
	says, out := look(host.Needs{})
	assert.Empty(t, out, "afpacket")
	assert.Contains(t, says["lc"], `its MTU is 9000, and that of lp1, br0 is less (1500)`)
	assert.NotContains(t, says["lc"], "whole frames")

	says, out = look(host.Needs{WholeFrames: true})
	assert.Empty(t, out, "afxdp")
	assert.Contains(t, says["lc"], "tx off tso off gso off gro off")
	assert.Contains(t, says["lo"], "generic XDP")

	_, out = look(host.Needs{WholeFrames: true, Redirects: true})
	require.Len(t, out, 2, "xdp")
	require.ErrorContains(t, out["lp1"], `"ethtool -K PEER gro on"`)
	require.ErrorContains(t, out["br0"], "bridge does not transmit")
	require.NoError(t, n.IP("link set p1 up\n"))
	require.NoError(t, n.SetFeatures("p1", true, netns.GRO))
	_, out = look(host.Needs{Redirects: true})
	assert.NotContains(t, out, "lp1")
	require.NoError(t, n.SetFeatures("p1", false, netns.GRO))
	require.NoError(t, n.IP("link set lc mtu 1500\n"))
	says, out = look(host.Needs{Redirects: true})
	assert.Contains(t, out, "lp1")
	assert.Empty(t, says["lc"])
}

// The way to a member in a tunnel leads by a router of its own interface, or is
// none that is told of; nothing is wrong with one that has a router.
func TestRouters(t *testing.T) {
	n := newRouter(t, "routers")
	require.NoError(t, n.IP("addr add fd09:1::1/64 dev lp1 nodad\nroute add 192.0.2.0/24 via 10.9.1.254\n"+
		"route add 198.51.100.0/24 via 10.9.0.2\nroute add 2001:db8::/32 via fd09:1::254\n"))
	member := func(id, addr string, outer int) host.Member {
		return host.Member{ID: id, Dev: "lp1", Addr: netip.MustParseAddr(addr), Outer: outer}
	}
	w := all()
	w.Members = []host.Member{
		member("far", "192.0.2.7", 20), member("plain", "192.0.2.7", 0), member("elsewhere", "198.51.100.7", 20),
		member("far6", "2001:db8::7", 40), member("here", "10.9.1.2", 20), member("nowhere", "203.0.113.7", 20),
	}
	var routers map[host.Member]netip.Addr
	require.NoError(t, n.Do(func() (err error) { routers, err = host.Routers(w.Members); return err }))
	assert.Equal(t, map[host.Member]netip.Addr{
		w.Members[0]: netip.MustParseAddr("10.9.1.254"), w.Members[3]: netip.MustParseAddr("fd09:1::254"),
	}, routers)
	list := ask(t, n, w)
	for id, wrong := range map[string]bool{"far": false, "plain": true, "elsewhere": true, "far6": false, "here": false,
		"nowhere": true} {
		assert.Len(t, list["member "+id], map[bool]int{true: 1}[wrong], id)
	}
}

// What tunnels add takes from the MTU of their link, and IPv6 needs 1280 of it.
// The command that a finding names mends it.
func TestTunnelLengths(t *testing.T) {
	n := newRouter(t, "lengths")
	devices := func(w host.Want) (list []host.Finding) {
		t.Helper()
		w.In, w.Out = []string{"lc"}, []string{"lp1"}
		require.NoError(t, n.Do(func() (err error) { list, _, err = host.Devices(w, host.Needs{}); return err }))
		return list
	}
	addr := netip.MustParseAddr("192.0.2.7")
	in4 := host.Want{VIPs: prefixes("172.16.0.20/32"), Members: []host.Member{
		{ID: "far", Dev: "lp1", Addr: addr, Outer: 20}, {ID: "plain", Dev: "lp1", Addr: addr}}}
	both := host.Want{VIPs: prefixes("172.16.0.20/32", "fd16::20/128"), Members: []host.Member{
		{ID: "far", Dev: "lp1", Addr: addr, Outer: 20}, {ID: "far6", Dev: "lp1", Addr: addr, Outer: 40}}}
	plain := host.Want{VIPs: both.VIPs, Members: in4.Members[1:]}
	for _, c := range []struct {
		w       host.Want
		in, out int
		mends   []string // the MTU that each finding asks for
	}{
		{in4, 1500, 1500, []string{"1520"}},
		{in4, 1500, 1519, []string{"1520"}},
		{in4, 1500, 1520, nil},
		{in4, 1280, 1280, []string{"1300"}},
		{both, 1500, 1500, []string{"1540"}},
		{both, 1500, 1319, []string{"1540", "1320"}},
		{both, 1500, 1320, []string{"1540"}},
		{both, 1280, 1319, []string{"1320", "1320"}},
		{both, 1280, 1320, nil},
		{plain, 1280, 1280, nil},
		{plain, 1200, 1279, []string{"1280"}},
	} {
		require.NoError(t, n.IP(fmt.Sprintf("link set lc mtu %d\nlink set lp1 mtu %d\n", c.in, c.out)))
		list := devices(c.w)
		require.Len(t, list, len(c.mends), "%+v: %v", c, list)
		for i, f := range list {
			assert.Equal(t, "lp1", f.About)
			assert.True(t, f.Wrong)
			assert.Contains(t, f.Says, fmt.Sprintf("its MTU is %d, and ", c.out))
			command := "ip link set lp1 mtu " + c.mends[i]
			assert.Contains(t, f.Says, `. "`+command+`"`)
			require.NoError(t, n.IP(strings.TrimPrefix(command, "ip ")+"\n"))
			assert.LessOrEqual(t, len(devices(c.w)), i, "the first needs most")
			require.NoError(t, n.IP(fmt.Sprintf("link set lp1 mtu %d\n", c.out)))
		}
	}
}
