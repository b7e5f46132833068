package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// cellHops are the next hops of the cells. The first two are on one interface.
const cellHops = 4

// addressOf returns the address of a next hop, and the interface it is on.
func addressOf(i int, v6 bool) (address, device string) {
	on := max(0, i-1)
	if v6 {
		return fmt.Sprintf("fd00:9:%d::%x", on+1, 2+i), fmt.Sprintf("v%d", on)
	}
	return fmt.Sprintf("10.9.%d.%d", on, 2+i), fmt.Sprintf("v%d", on)
}

// deliverer returns which next hop a name is of, and whether packets come to
// it.
func (b *cellbed) deliverer(c cell, name string) (hop int, up bool) {
	address, _, _ := strings.Cut(name, "@")
	for i := range cellHops {
		if a, _ := addressOf(i, c.v6 || c.via6); a == address {
			return i, i != faulty || c.state == "up"
		}
	}
	return -1, false
}

const faulty = 2 // next hop, alone on v1

// setUp gives the kernel the settings, the addresses and the route of a cell.
func (b *cellbed) setUp(t *testing.T, c cell) {
	t.Helper()
	family := map[bool]string{false: "ipv4", true: "ipv6"}[c.v6]
	setSysctl(t, "ipv4/fib_multipath_hash_seed", uint64(c.seed))
	setSysctl(t, family+"/fib_multipath_hash_policy", uint64(c.policy))
	setSysctl(t, family+"/fib_multipath_hash_fields", uint64(c.fields))
	number := map[bool]uint64{true: 1}
	setSysctl(t, "ipv4/fib_multipath_use_neigh", number[c.useNeigh])
	for _, f := range []string{"ipv4", "ipv6"} {
		for _, d := range []string{"all", "v0", "v1", "v2"} {
			setSysctl(t, f+"/conf/"+d+"/ignore_routes_with_linkdown", number[c.ignoreLinkdown])
		}
	}
	b.ip(t, c, b.route(c))
	switch c.state {
	case "down":
		require.NoError(t, netns.IP("link set v1 down\n"))
	case "linkdown":
		require.NoError(t, netns.IP("link set p1 down\n"))
		b.waitForCarrier(t, "v1", false)
	case "failed":
		address, device := addressOf(faulty, c.v6 || c.via6)
		require.NoError(t, netns.IP(fmt.Sprintf("neigh replace %s dev %s nud failed\n", address, device)))
	}
	b.drain(t)
}

// route returns the commands that make the route of a cell.
func (b *cellbed) route(c cell) string {
	var commands, group, list strings.Builder
	order := []int{0, 1, 2, 3}
	if c.twice {
		order = append(order, 3)
	}
	for k, i := range order {
		weight := 1
		if c.weighted {
			weight = []int{1, 3, 2, 5, 2}[k]
		}
		address, device := addressOf(i, c.v6 || c.via6)
		inet6 := ""
		if c.via6 {
			inet6 = "inet6 "
		}
		fmt.Fprintf(&list, " nexthop via %s%s dev %s weight %d", inet6, address, device, weight)
		fmt.Fprintf(&commands, "nexthop add id %d via %s dev %s\n", 1+k, address, device)
		fmt.Fprintf(&group, "/%d,%d", 1+k, weight)
	}
	to := map[bool]string{false: "172.16.0.0/12", true: "2002::/16"}[c.v6]
	table := ""
	if c.rule {
		table = " table 100"
		address, device := addressOf(0, c.v6)
		b.rule = fmt.Sprintf("rule add to %s lookup 100 pref 100\n", to)
		b.rule += fmt.Sprintf("route add %s via %s dev %s\n", to, address, device) // not to be taken
	} else {
		b.rule = ""
	}
	source := ""
	if c.source {
		source = " src 192.0.2.1"
	}
	if c.kind == "inline" {
		return b.rule + "route add " + to + table + source + list.String() + "\n"
	}
	commands.WriteString("nexthop add id 100 group " + group.String()[1:])
	if c.kind == "resilient" {
		commands.WriteString(" type resilient buckets 64")
	}
	return b.rule + commands.String() + "\n" + "route add " + to + table + " nhid 100\n"
}
