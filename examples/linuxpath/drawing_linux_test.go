package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A drawing is the commands that make a drawn router. The kernel refuses some
// of them, which does not matter. Those that begin with rule6 are of ip -6.
type drawing struct {
	*rand.Rand
	strings.Builder
	objects int // sets of nexthop objects so far
}

func (d *drawing) line(format string, args ...any) { _, _ = fmt.Fprintf(d, format+"\n", args...) }

func (d *drawing) of(choices ...string) string { return choices[d.IntN(len(choices))] }

// addresses gives each interface no address, one or several, in networks that
// have its next hops or not.
func (d *drawing) addresses() {
	for i := range 3 {
		for k := range d.IntN(4) {
			network, host := []int{i, i, 30 + i}[d.IntN(3)], 1+k+10*d.IntN(2)
			d.line("addr add 10.9.%d.%d/%s dev v%d scope %s", network, host, d.of("24", "24", "32", "25"), i,
				d.of("global", "global", "global", "link"))
		}
	}
}

// hop returns a next hop. One of IPv6 may be written as "via inet6".
func (d *drawing) hop(v6 bool) string {
	i := d.IntN(cellHops)
	address, device := addressOf(i, v6)
	switch d.IntN(6) {
	case 0:
		return "dev " + device
	case 1:
		if v6 {
			return fmt.Sprintf("via fe80::%d dev %s", 2+i, device)
		}
		address, _ = addressOf(i, true)
		return "via inet6 " + address + " dev " + device
	}
	return "via " + address + " dev " + device
}

// onlink returns the word that a next hop takes whose network its interface
// need not have.
func onlink(hop string) string {
	if strings.Contains(hop, "via 10.") {
		return " onlink"
	}
	return ""
}

// list returns next hops in a route.
func (d *drawing) list(v6 bool) string {
	var list strings.Builder
	used := map[string]bool{}
	for range 1 + d.IntN(4) {
		h := d.hop(v6)
		if v6 && used[h] {
			continue // the kernel would refuse the whole route
		}
		used[h] = true
		fmt.Fprintf(&list, " nexthop %s weight %d%s", h, 1+d.IntN(4), onlink(h))
	}
	return list.String()
}

// object makes nexthop objects and returns the words for a route to them.
func (d *drawing) object(v6 bool) string {
	first := 100*d.objects + 1
	d.objects++
	var group strings.Builder
	for i := range 1 + d.IntN(4) {
		address, device := addressOf(d.IntN(cellHops), v6)
		h := "via " + address + " dev " + device
		d.line("nexthop add id %d %s%s", first+i, h, onlink(h))
		fmt.Fprintf(&group, "/%d,%d", first+i, 1+d.IntN(4))
	}
	if d.IntN(5) == 0 {
		return fmt.Sprintf(" nhid %d", first)
	}
	d.line("nexthop add id %d group %s%s", first+50, group.String()[1:], d.of("", " type resilient buckets 32"))
	return fmt.Sprintf(" nhid %d", first+50)
}

// routes makes routes of a family, and rules that lead to them.
func (d *drawing) routes(v6 bool) {
	prefixes := []string{"198.18.0.0/15", "198.18.0.0/16", "198.19.128.0/17", "198.18.64.0/18", "0.0.0.0/0"}
	rule, from := "rule", "from 10.0.0.0/8"
	if v6 {
		prefixes = []string{"2002::/16", "2002::/17", "2002:8000::/18", "2002:4000::/19", "::/0"}
		rule, from = "rule6", "from 2001::/16"
	}
	for i, table := range []int{mainTable, mainTable, mainTable, 100, 101} {
		to, kind := d.of(prefixes...), ""
		if i == 0 {
			to = prefixes[0]
		}
		var hops string
		switch {
		case i > 0 && d.IntN(12) == 0:
			kind = d.of("blackhole ", "unreachable ", "prohibit ", "throw ")
		case d.IntN(3) == 0:
			hops = d.object(v6)
		default:
			hops = d.list(v6)
		}
		if !v6 && hops != "" && d.IntN(4) == 0 {
			hops = " src 192.0.2.1" + hops
		}
		d.line("route replace %s%s table %d metric %d%s", kind, to, table, 1+d.IntN(3), hops)
	}
	for range d.IntN(4) {
		selector := d.of("to "+d.of(prefixes...), "fwmark 1", "fwmark 2/3", "ipproto tcp", "sport 1-1500",
			"dport 1000-2000", from)
		if d.IntN(2) == 0 {
			selector += d.of(" iif vin", " iif lo")
		}
		d.line("%s add %s lookup %d pref %d", rule, selector, 100+d.IntN(2), 1+d.IntN(1000))
	}
}

// faults brings links down, takes their carrier, and has neighbours fail or be
// forgotten.
func (d *drawing) faults() {
	for range d.IntN(3) {
		address, device := addressOf(d.IntN(cellHops), d.IntN(2) == 0)
		switch d.IntN(4) {
		case 0:
			d.line("link set %s down", device)
		case 1:
			d.line("link set p%s down", device[1:])
		case 2:
			d.line("neigh replace %s dev %s nud failed", address, device)
		default:
			d.line("neigh del %s dev %s", address, device)
		}
	}
}
