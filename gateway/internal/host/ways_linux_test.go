package host_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
)

// paths leads two VIPs to each of two members on the link of lp1, and to one on
// that of lp2, which is not there at first.
func paths() (list []host.Path) {
	for _, p := range []struct{ vip, dev, member string }{
		{"172.16.0.20", "lp1", "10.9.1.2"}, {"172.16.0.21", "lp1", "10.9.1.2"},
		{"172.16.0.20", "lp1", "192.0.2.3"}, // in no network of it
		{"fd16::20", "lp1", "fe80::2"},
		{"172.16.0.20", "lp2", "10.9.2.2"},
	} {
		list = append(list, host.Path{
			VIP: netip.MustParseAddr(p.vip), Hop: host.Hop{Dev: p.dev, Addr: netip.MustParseAddr(p.member)},
		})
	}
	return list
}

// marks returns the mark of each path, 0 where there is none, and the errors.
func marks(t *testing.T, n *netns.Namespace, k *host.Keeper, paths []host.Path) (list []uint32, says string) {
	t.Helper()
	require.NoError(t, n.Do(func() error {
		for _, p := range paths {
			mark, err := k.Ways().Mark(p)
			list = append(list, mark)
			if err != nil {
				e := &host.NoWayError{}
				require.ErrorAs(t, err, &e)
				says += err.Error() + "\n"
			}
		}
		return nil
	}))
	return list, says
}

func tables(t *testing.T, n *netns.Namespace) string {
	t.Helper()
	return run(t, n, "ip", "rule") + run(t, n, "ip", "-6", "rule") +
		run(t, n, "ip", "route", "show", "table", "all", "proto", "236") +
		run(t, n, "ip", "-6", "route", "show", "table", "all", "proto", "236") +
		run(t, n, "ip", "neigh", "show", "nud", "permanent")
}

// A way is set once, found by the process after one that was killed, set again
// whatever became of it, and gone when nobody takes it.
func TestWays(t *testing.T) {
	n := newRouter(t, "ways")
	before := tables(t, n)
	k, w := host.NewKeeper("unix:/run/gateway/control"), host.Want{Paths: paths()}
	_, says := marks(t, n, k, w.Paths)
	assert.Equal(t, len(w.Paths), strings.Count(says, "no rule for it yet"), says)
	keep(t, n, k, w)
	assert.Empty(t, keep(t, n, k, w), "all is there")
	at, says := marks(t, n, k, w.Paths)
	assert.Equal(t, at[0], at[1], "one member")
	assert.Equal(t, "172.16.0.20 is not led to 10.9.2.2 on lp2: "+
		"there is no rule for it yet, or the interface is not up\n", says)
	members := map[uint32]bool{}
	for _, mark := range at[:4] {
		members[mark] = true
		assert.Contains(t, run(t, n, "ip", "rule")+run(t, n, "ip", "-6", "rule"),
			fmt.Sprintf("fwmark %#x lookup %d proto 236", mark, mark))
	}
	assert.Len(t, members, 3)
	k = host.NewKeeper("unix:/run/gateway/control")
	assert.Empty(t, keep(t, n, k, w), "after a kill")

	require.NoError(t, n.IP("link add lp2 type veth peer name p2\nlink set lp2 up\n"))
	for what, damage := range map[string]func() error{
		"rule": func() error { return n.IP(fmt.Sprintf("rule del fwmark %d\n", at[0])) },
		"route": func() error {
			return n.IP(fmt.Sprintf("route del 172.16.0.20 table %d\n", at[0]))
		},
		"another member": func() error {
			return n.IP(fmt.Sprintf("route replace 172.16.0.20 via 10.9.1.9 dev lp1 proto 236 table %d\n", at[0]))
		},
		"interface": func() error {
			return n.IP("link del lp1\nlink add lp1 type veth peer name p1\nlink set lp1 up\n" +
				"addr add 10.9.1.1/24 dev lp1\n")
		},
		"nothing": func() error { return nil },
	} {
		keep(t, n, k, w)
		now, says := marks(t, n, k, w.Paths)
		assert.Empty(t, says, what)
		assert.Equal(t, at[:4], now[:4], "a mark stays")
		require.NoError(t, damage())
		_, says = marks(t, n, k, w.Paths[:1])
		assert.Equal(t, what == "nothing", says == "", "%s: %s", what, says)
	}

	keep(t, n, k, w)

	// Of a member that leaves nothing is left, whatever marks others get.
	w.Paths = w.Paths[2:]
	done := strings.Join(keep(t, n, k, w), "\n")
	assert.Contains(t, done, fmt.Sprintf("ip -4 rule del pref 236 fwmark %#x", at[0]))
	assert.Contains(t, done, fmt.Sprintf("ip route del 172.16.0.21 table %d", at[0]))
	left, _ := marks(t, n, k, w.Paths)
	assert.Equal(t, at[2:4], left[:2])
	k = host.NewKeeper("unix:/run/gateway/control")
	keep(t, n, k, w) // whose marks begin anew
	_, says = marks(t, n, k, w.Paths)
	assert.Empty(t, says)

	// Another gateway has marks of its own.
	other, same := host.NewKeeper("127.0.0.1:8080"), host.Want{Paths: w.Paths[:1]}
	keep(t, n, other, same)
	theirs, says := marks(t, n, other, same.Paths)
	assert.Empty(t, says)
	ours, _ := marks(t, n, k, same.Paths)
	assert.NotEqual(t, ours, theirs)
	require.NoError(t, n.Do(k.Remove))
	_, says = marks(t, n, other, same.Paths)
	assert.Empty(t, says)
	require.NoError(t, n.Do(other.Remove))
	assert.Equal(t, before, tables(t, n))
}

// A member whose MAC address was given is reached at that, whatever the kernel
// has for its address, which stays as it is.
func TestWaysToMAC(t *testing.T) {
	n := newRouter(t, "ways-mac")
	require.NoError(t, n.IP("neigh add 10.9.1.2 dev lp1 lladdr 02:00:00:00:00:09 nud permanent\n"))
	before := tables(t, n)
	k, w := host.NewKeeper("unix:/run/gateway/control"), host.Want{Paths: paths()[:4]}
	for i := range 3 { // two of one member, and one of a member without its own
		w.Paths[i+i/2].MAC = engine.MAC{2, 0, 0, 0, 0, 7}
	}
	standIns := func() (list []string) {
		t.Helper()
		_, says := marks(t, n, k, w.Paths)
		assert.Empty(t, says)
		for line := range strings.SplitSeq(run(t, n, "ip", "neigh", "show", "nud", "permanent"), "\n") {
			if strings.HasPrefix(line, "240.") || strings.HasPrefix(line, "100::") {
				list = append(list, line)
			}
		}
		return list
	}
	keep(t, n, k, w)
	assert.Empty(t, keep(t, n, k, w), "all is there")
	found := standIns()
	require.Len(t, found, 2, "of a version of IP each")
	for _, line := range found {
		assert.Contains(t, line, " dev lp1 lladdr 02:00:00:00:00:07 ")
	}
	assert.Contains(t, run(t, n, "ip", "neigh", "show", "10.9.1.2"), "02:00:00:00:00:09", "the host's own")

	gate, _, _ := strings.Cut(found[0], " ")
	for what, damage := range map[string]string{
		"none":     "neigh del " + gate + " dev lp1\n",
		"another":  "neigh replace " + gate + " lladdr 02:00:00:00:00:08 dev lp1 nud permanent\n",
		"resolved": "neigh replace " + gate + " lladdr 02:00:00:00:00:08 dev lp1 nud stale\n",
		"link":     "link set lp1 down\nlink set lp1 up\n",
	} {
		require.NoError(t, n.IP(damage))
		keep(t, n, k, w)
		assert.Equal(t, found, standIns(), what)
		assert.Empty(t, keep(t, n, k, w), what)
	}

	k = host.NewKeeper("unix:/run/gateway/control")
	assert.Empty(t, keep(t, n, k, w), "after a kill")
	for i := range w.Paths {
		if w.Paths[i].MAC != (engine.MAC{}) {
			w.Paths[i].MAC[5] = 6
		}
	}
	keep(t, n, k, w)
	found = standIns()
	require.Len(t, found, 2, "of what was before nothing is left")
	for _, line := range found {
		assert.Contains(t, line, " dev lp1 lladdr 02:00:00:00:00:06 ")
	}
	require.NoError(t, n.IP("neigh replace 10.9.1.2 dev lp1 lladdr 02:00:00:00:00:09 nud permanent\n"))
	require.NoError(t, n.Do(k.Remove))
	assert.Equal(t, before, tables(t, n))
}

// What the kernel does otherwise is told, and not set again and again.
func TestWaysLeadAstray(t *testing.T) {
	n := newRouter(t, "astray")
	k, w := host.NewKeeper("unix:/run/gateway/control"), host.Want{Paths: paths()[:1]}
	keep(t, n, k, w)
	asked := func() (says []string) {
		t.Helper()
		require.NoError(t, n.Do(func() error {
			list, err := k.Ways().Ask()
			for _, f := range list {
				assert.True(t, f.Wrong)
				says = append(says, f.About+": "+f.Says)
			}
			return err
		}))
		return says
	}
	assert.Empty(t, asked())
	for _, c := range []struct{ set, unset, says string }{
		{"addr add 172.16.0.20/32 dev lo\n", "addr del 172.16.0.20/32 dev lo\n", "an address of this host"},
		{"rule add pref 1 lookup 7\nroute add 172.16.0.20 via 10.9.0.2 table 7\n", "rule del pref 1\n",
			"table 7 of the kernel has it behind lc via 10.9.0.2"},
		{"rule add pref 1 to 172.16.0.20 prohibit\n", "rule del pref 1\n", "permission denied"},
	} {
		require.NoError(t, n.IP(c.set))
		assert.Empty(t, keep(t, n, k, w))
		says := asked()
		require.Len(t, says, 1)
		assert.Contains(t, says[0], "checks through 172.16.0.20: what they find of 10.9.1.2 on lp1 is not known: ")
		assert.Contains(t, says[0], c.says)
		_, says1 := marks(t, n, k, w.Paths)
		assert.Contains(t, says1, c.says)
		require.NoError(t, n.IP(c.unset))
		assert.Empty(t, asked())
	}
	for _, gone := range []string{"link set lp1 down\n", "link del lp1\n"} {
		require.NoError(t, n.IP(gone))
		assert.Empty(t, keep(t, n, k, w))
		assert.Empty(t, asked(), "the member is down, with the reason")
	}
}

// More members than there are marks for get none.
func TestTooManyWays(t *testing.T) {
	n := newRouter(t, "many-ways")
	k, w := host.NewKeeper("unix:/run/gateway/control"), host.Want{}
	for i := range byte(host.MostHops - 1) {
		for j := range byte(2) {
			w.Paths = append(w.Paths, host.Path{VIP: netip.MustParseAddr("172.16.0.20"),
				Hop: host.Hop{Dev: "lp1", Addr: netip.AddrFrom4([4]byte{192, 0, 2 + j, i})}})
		}
	}
	const rules = 1                                               // of nftables
	assert.Equal(t, 2*host.MostHops+rules, len(keep(t, n, k, w))) //nolint:testifylint // it would print all
	at, _ := marks(t, n, k, w.Paths)
	for i, mark := range at {
		assert.Equal(t, i < host.MostHops, mark != 0, i)
	}
	assert.Empty(t, keep(t, n, k, w))
	require.NoError(t, n.Do(k.Remove))
}

// BenchmarkMark is what a check costs beyond one at a member's own address.
func BenchmarkMark(b *testing.B) {
	if err := netns.Available(); err != nil {
		b.Skip(err)
	}
	n, err := netns.New("mark")
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, n.Close()) })
	require.NoError(b, n.IP("link add lp1 type veth peer name p1\nlink set lp1 up\naddr add 10.9.1.1/24 dev lp1\n"))
	k, w := host.NewKeeper("unix:/run/gateway/control"), host.Want{Paths: paths()[:1]}
	require.NoError(b, n.Do(func() error {
		if _, err := k.Keep(w); err != nil {
			return err
		}
		for b.Loop() {
			if _, err := k.Ways().Mark(w.Paths[0]); err != nil {
				return err
			}
		}
		return nil
	}))
}
