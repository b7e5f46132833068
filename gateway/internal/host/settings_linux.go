package host

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const sysctls = "/proc/sys/net"

// A step is something that the host lacks for a VIP, and what sets it.
type step struct {
	what string // as a user of ip and sysctl would say it
	do   func() error

	// of sysctls alone
	path, dev string // DEV stands for the interface in the path
	why       string
	wrong     bool // without it connections fail, and nothing else mends that
}

// setting returns the step that sets a sysctl of an interface, nothing if it is
// as it should be.
func setting(path, dev, want, why string, wrong bool, fine ...string) []step {
	name := strings.Replace(path, "DEV", dev, 1)
	file := filepath.Join(sysctls, name)
	data, err := os.ReadFile(file)
	is := strings.TrimSpace(string(data))
	if err != nil || is == want || slices.Contains(fine, is) {
		return nil // no such file: this kernel does without
	}
	return []step{{
		what: fmt.Sprintf("sysctl net/%s=%s, which was %s", name, want, is),
		do:   func() error { return os.WriteFile(file, []byte(want), 0o600) },
		path: path + "=" + want, dev: dev, why: why, wrong: wrong,
	}}
}

// settings returns the steps that set what the VIPs need.
func (l *look) settings() (steps []step) {
	is4 := func(p netip.Prefix) bool { return p.Addr().Is4() }
	has4 := slices.ContainsFunc(l.want.VIPs, is4)
	has6 := slices.ContainsFunc(l.want.VIPs, func(p netip.Prefix) bool { return !is4(p) })
	const replies = "replies of members that come back this way are dropped"
	var all []string
	for _, name := range slices.Concat(l.want.In, l.want.Out) {
		if _, ok := l.byName[name]; ok && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	for _, name := range all {
		if has4 {
			steps = append(steps, setting("ipv4/conf/DEV/forwarding", name, "1", replies, false)...)
		}
		if has4 && strict(name) {
			steps = append(steps, setting("ipv4/conf/DEV/rp_filter", name, "2", replies, false)...)
		}
	}
	if has6 {
		steps = append(steps, forwarding6(replies)...)
	}
	near6 := false
	for _, name := range l.want.In {
		on4, on6 := false, false
		for vip, names := range l.onLink {
			on := slices.Contains(names, name)
			on4, on6 = on4 || on && is4(vip), on6 || on && !is4(vip)
		}
		const late = "the first answers to ARP and NDP wait up to .8 s"
		if on4 {
			steps = append(steps, setting("ipv4/neigh/DEV/proxy_delay", name, "0", late, false)...)
		}
		if on6 {
			near6 = true
			steps = append(steps, setting("ipv6/neigh/DEV/proxy_delay", name, "0", late, false)...)
		}
	}
	if near6 {
		// That of the interface does for solicitations of everybody alone: the
		// kernel takes in those to the address itself by that of all.
		const silent = "nobody answers NDP for VIPs, or not who knows them already"
		steps = append(steps, setting("ipv6/conf/DEV/proxy_ndp", "all", "1", silent, true)...)
	}
	return steps
}

// filters returns how the kernel filters what comes in by an interface, by the
// route back to its source: 0 not, 1 by interface, 2 by there being one.
func filters(name string) byte {
	most := byte('0')
	for _, n := range []string{"all", name} {
		data, err := os.ReadFile(filepath.Join(sysctls, "ipv4/conf", n, "rp_filter"))
		if err == nil && len(data) > 0 {
			most = max(most, data[0])
		}
	}
	return most - '0'
}

// strict reports whether replies, which come from a VIP, are dropped for the
// interface that they come by. 2 in the interface's own file outweighs 1 in all.
func strict(name string) bool { return filters(name) == 1 }

// forwarding6 switches IPv6 forwarding on, which there is for the whole host
// alone. Interfaces that have their routes by router advertisements keep them.
func forwarding6(why string) (steps []step) {
	on := setting("ipv6/conf/DEV/forwarding", "all", "1", why, false)
	if on == nil {
		return nil
	}
	files, _ := filepath.Glob(filepath.Join(sysctls, "ipv6/conf/*/accept_ra"))
	for _, f := range files {
		if name := filepath.Base(filepath.Dir(f)); name != "all" && name != "lo" {
			const lost = "the routes of router advertisements are lost with forwarding on"
			steps = append(steps, setting("ipv6/conf/DEV/accept_ra", name, "2", lost, false, "0")...)
		}
	}
	return append(steps, on...)
}
