package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/hash"
)

// The kernel forwards the flows of -cover to every next hop of groups of 2 to 64
// next hops, one flow to each.
func TestCoverForwarded(t *testing.T) { inNamespace(t, testCoverForwarded) }

func testCoverForwarded(t *testing.T) {
	b := newCellbed(t)
	const most = 64
	var commands strings.Builder
	for i := range most {
		for k, address := range []string{fmt.Sprintf("10.9.0.%d", 10+i), fmt.Sprintf("fd00:9:1::%x", 0x100+i)} {
			fmt.Fprintf(&commands, "neigh replace %s lladdr 02:00:00:00:01:%02x dev v0 nud permanent\n", address, i)
			fmt.Fprintf(&commands, "nexthop add id %d via %s dev v0\n", 1000*(k+1)+i, address)
		}
	}
	commands.WriteString("nexthop add id 1 group 1000\nnexthop add id 2 group 2000\n" +
		"route add 172.16.0.0/12 nhid 1\nroute add 2002::/16 nhid 2\n")
	require.NoError(t, netns.IP(commands.String()))
	setSysctl(t, "ipv4/fib_multipath_hash_seed", 77)
	setSysctl(t, "ipv4/fib_multipath_hash_policy", 1)
	setSysctl(t, "ipv6/fib_multipath_hash_policy", 0) // by the label
	step := 1
	if testing.Short() {
		step = 31
	}
	groups, flows := 0, 0
	for n := 2; n <= most; n += step {
		for _, weighted := range []bool{false, true} {
			for family, args := range [][]string{
				{"-policy", "1", "-src", "11.0.0.1:3000", "-dst", "172.16.0.1:80"},
				{"-policy", "0", "-src", "[2001:db8::1]:3000", "-dst", "[2002::1]:80"},
			} {
				list := groupList(n, weighted)
				var group strings.Builder
				for i, hop := range strings.Split(list, ",") {
					_, weight, _ := strings.Cut(hop, "=")
					fmt.Fprintf(&group, "/%d,%s", 1000*(family+1)+i, weight)
				}
				replace := fmt.Sprintf("nexthop replace id %d group %s\n", family+1, group.String()[1:])
				require.NoError(t, netns.IP(replace))
				c := covered(t, append(args, "-seed", "77", "-nexthops", list)...)
				require.Len(t, c.Flows, n)
				b.drain(t)
				predicted, should := map[hash.FlowKey]string{}, map[hash.FlowKey]bool{}
				for _, f := range c.Flows {
					k := b.sendProbe(t, family == 1, args, f)
					k = k.WithLabel(0)
					predicted[k], should[k] = f.Path[0].Nexthop, true
				}
				got := map[int]bool{}
				if family == 1 { // the flows differ in the label alone
					for hop := range b.collectEach(t, n) {
						got[hop] = true
					}
				} else {
					for k, hop := range b.collect(t, n, cell{}, should) {
						assert.Equal(t, predicted[k], fmt.Sprintf("h%d", hop))
						got[hop] = true
					}
				}
				assert.Len(t, got, n, "%s, IPv%d", list, 4+2*family)
				groups, flows = groups+1, flows+n
			}
		}
	}
	t.Logf("%d flows took every next hop of %d groups", flows, groups)
}

// sendProbe has the router forward a packet of a flow of a coverage.
func (b *cellbed) sendProbe(t *testing.T, v6 bool, args []string, f coverFlow) hash.FlowKey {
	t.Helper()
	tcp := set(b.builder.tcp(), 0, byte(f.Sport>>8), byte(f.Sport), 0, 80)
	packet := b.builder.ip4Between(netip.MustParseAddrPort(args[3]).Addr(), netip.MustParseAddrPort(args[5]).Addr(),
		hash.TCP, tcp)
	if v6 {
		packet = b.builder.ip6Between(netip.MustParseAddrPort(args[3]).Addr(), netip.MustParseAddrPort(args[5]).Addr(),
			hash.TCP, tcp)
		set(packet, 1, byte(f.Label>>16), byte(f.Label>>8), byte(f.Label))
	}
	b.in.send(t, packet)
	var h hash.Headers
	require.NoError(t, hash.ParseIP(packet, &h))
	assert.Equal(t, f.Flow, h.Outer.String())
	return h.Outer
}
