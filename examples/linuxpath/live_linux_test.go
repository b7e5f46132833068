package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// -live answers for every kind of route, and says why where the hash does not
// decide. The exit code is that of wrong predictions alone.
func TestLive(t *testing.T) { inNamespace(t, testLive) }

func testLive(t *testing.T) {
	b := newCellbed(t)
	setSysctl(t, "ipv4/fib_multipath_hash_seed", 7)
	require.NoError(t, netns.IP(`route add 198.18.0.0/15 nexthop via 10.9.0.2 dev v0 nexthop via 10.9.1.4 dev v1
route add 198.18.7.0/24 via 10.9.2.5
route add default nexthop via 10.9.0.2 dev v0 nexthop via 10.9.2.5 dev v2
route add 203.0.113.0/24 via inet6 fd00:9:2::4 dev v1
route add blackhole 203.0.112.0/24
route add prohibit 203.0.111.0/24
route add 203.0.110.0/24 table 7 nexthop via 10.9.0.2 dev v0 nexthop via 10.9.1.4 dev v1
route add 2001:db8:1::/48 nexthop via fd00:9:1::2 dev v0 nexthop via fd00:9:2::4 dev v1
nexthop add id 1 via fd00:9:1::2 dev v0
nexthop add id 2 via fd00:9:2::4 dev v1
nexthop add id 9 group 1/2
nexthop add id 8 group 1,3/2
route add 2001:db8:2::/48 nhid 9
route add 2001:db8:3::/48 nhid 8
`))
	b.ip(t, cell{}, "rule add fwmark 5 lookup 7 pref 7\n")
	live := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(append([]string{"-live"}, args...), &out, &errs)
		return code, errs.String() + out.String()
	}
	for _, c := range []struct{ args, want string }{
		{"198.18.0.0/15 -flows 400", "400 of 400 as predicted\n"},
		{"198.18.0.0/15 -flows 400", "the kernel prefers it to the hash"},
		{"198.18.0.0/15 -flows 400 -iif vin", "400 of 400 as predicted\n"},
		{"198.18.0.0/15 -src 10.1.0.5:1000 -dst 198.18.0.9:80 -iif vin", "1 of 1 as predicted\n"},
		{"198.18.0.0/15 -flows 400 -socket sendto", "400 of 400 as predicted\n"},
		{"198.18.7.0/24 -flows 4", "it is the only next hop"},
		{"0.0.0.0/0 -flows 400", "400 of 400 as predicted\n"},
		{"203.0.113.0/24 -flows 3", "via fd00:9:2::4@v1 weight 1\n"},
		{"203.0.112.0/24 -flows 3", "the route is a blackhole, or an address is not one to route)\n"},
		{"203.0.111.0/24 -flows 3", "0 of 3 as predicted, 3 not predicted\n"},
		{"203.0.110.0/24 -flows 40 -mark 5", "203.0.110.0/24 in table 7, list in the route"},
		{"203.0.110.0/24 -flows 40 -mark 5", "40 of 40 as predicted\n"},
		{"203.0.110.0/24 -flows 40", "0.0.0.0/0, list in the route"},
		{"10.9.0.1/32 -flows 1", "the packet is for this host"},
		{"2001:db8:1::/48 -flows 40", "40 of 40 as predicted\n"},
		{"2001:db8:2::/48 -flows 40", "40 of 40 as predicted\n"},
		{"2001:db8:3::/48 -flows 40", "40 of 40 as predicted\n"},
		{"2001:db8:3::/48 -flows 40", "2001:db8:3::/48, next-hop object"},
		{"2001:db8:3::/48 -src [2001:db8:ffff::1]:1 -dst [2001:db8:3::1]:2 -proto sctp",
			"0 of 1 as predicted, 1 not compared\n"},
		{"198.18.0.0/15 -src 10.1.0.5 -dst 198.18.0.9 -iif vin -proto gre", "0 of 1 as predicted, 1 not compared\n"},
	} {
		code, out := live(strings.Fields(c.args)...)
		assert.Zero(t, code, c.args)
		assert.Contains(t, out, c.want, c.args)
	}

	// -cover finds a source port for each next hop of the route.
	code, out := live("198.18.0.0/15", "-src", "10.1.0.5:1000", "-dst", "198.18.0.9:80", "-iif", "vin", "-cover")
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, out, "neither the source port nor the flow label is hashed")
	setSysctl(t, "ipv4/fib_multipath_hash_policy", 1)
	code, out = live("198.18.0.0/15", "-src", "10.1.0.5:1000", "-dst", "198.18.0.9:80", "-iif", "vin", "-cover")
	assert.Zero(t, code, out)
	assert.Regexp(t, `^(sport \d+\t10\.9\.\d\.\d@v\d\t\(uncertain: policy 1 .*\)\n){2}$`, out)

	// The kernel applies the sysctl at the next event of a link alone.
	require.NoError(t, netns.IP("link set p1 down\n"))
	b.waitForCarrier(t, "v1", false)
	setSysctl(t, "ipv4/conf/v1/ignore_routes_with_linkdown", 1)
	code, out = live("198.18.0.0/15", "-iif", "vin", "-flows", "40")
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, out, "the route may have changed, or the sysctl was set after the link went down")
	assert.NotContains(t, out, "addresses that interfaces had")
	setSysctl(t, "ipv4/conf/v1/ignore_routes_with_linkdown", 0)
	b.repair(t)

	// What is not served is said, and the kernel's choice with it.
	b.ip(t, cell{v6: true}, "rule add uidrange 0-5 lookup main pref 8\n")
	code, out = live("2001:db8:3::/48", "-flows", "3")
	assert.Zero(t, code, out)
	assert.Contains(t, out, "a policy rule that is not served")
	assert.Regexp(t, `-  \(not predicted; the kernel takes fd00:9:\d::\d@v\d;`, out)

	// A host that is no router looks at neighbours of an IPv6 list.
	setSysctl(t, "ipv6/conf/all/forwarding", 0)
	b.repair(t)
	code, out = live("2001:db8:1::/48", "-flows", "40")
	assert.Zero(t, code, out)
	assert.Contains(t, out, "40 of 40 as predicted\n")
	require.NoError(t, netns.IP("neigh replace fd00:9:2::4 dev v1 nud failed\n"))
	code, out = live("2001:db8:1::/48", "-flows", "40")
	assert.Zero(t, code, out)
	assert.Regexp(t, `\d+ of 40 as predicted, \d+ not predicted\n`, out)
	assert.Contains(t, out, "the neighbour is not known to be reachable")

	code, out = live("198.18.0.0/15", "-iif", "nowhere")
	assert.Equal(t, commandline.Usage, code)
	assert.Contains(t, out, "-iif: ")
}
