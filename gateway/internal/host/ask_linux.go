package host

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Ask says what the kernel does with packets for the VIPs, which it gets as
// well, and with the replies; of what is as it should be it says that, too. It
// makes one request of the kernel for each VIP.
func Ask(w Want) ([]Finding, error) {
	l, err := newLook(w)
	if err != nil {
		return nil, err
	}
	defer l.close() //nolint:errcheck // nothing was written
	var list []Finding
	for _, vip := range w.VIPs {
		f := Finding{About: vip.String()}
		f.Says, f.Wrong = l.fate(vip.Addr())
		list = append(list, f)
		for _, name := range l.onLink[vip] {
			if says := l.silent(vip, name); says != "" {
				list = append(list, Finding{About: vip.String(), Says: says, Wrong: true})
			}
		}
	}
	list = append(list, l.strangers()...)
	return append(list, unset(l.settings())...), nil
}

// unset returns a finding for each sysctl that is to be set, on however many
// interfaces.
func unset(steps []step) (list []Finding) {
	devices := make(map[string][]string)
	for _, s := range steps {
		if devices[s.path] = append(devices[s.path], s.dev); len(devices[s.path]) == 1 {
			list = append(list, Finding{About: s.path, Says: s.why, Wrong: s.wrong})
		}
	}
	for i := range list {
		path := list[i].About
		list[i].About = "sysctl net/" + strings.Replace(path, "DEV", some(devices[path]), 1)
	}
	return list
}

// fate says what becomes of a packet that the kernel gets.
func (l *look) fate(a netip.Addr) (says string, wrong bool) {
	r, err := lookUp(l.conn, a)
	if err == nil && r.kind == unix.RTN_LOCAL {
		return "it is an address of this host: the kernel answers TCP by a reset, " +
			"and takes replies of members for forged ones. Remove it, \"ip addr del\"", true
	}
	if l.dropped(a, "") {
		return "the kernel leaves it to the gateway: a rule of nftables drops it", false
	}
	switch dev := l.byIndex[r.dev]; {
	case errors.Is(err, unix.EINVAL):
		return "the kernel leaves it to the gateway: a blackhole route drops it", false
	case err != nil:
		return fmt.Sprintf("there is no route: the kernel answers each packet that it gets by "+
			"an ICMP error (%v), which ends new connections", err), true
	case dev == "lo":
		return "its route leads to lo, and no rule drops it: each packet goes round there until its TTL ends", true
	case r.via.IsValid() && slices.Contains(l.want.In, dev):
		return fmt.Sprintf("its route leads back by %s to %s: each packet that the kernel gets goes round "+
			"until its TTL ends, and members get a copy each time", dev, r.via), true
	case r.via.IsValid():
		return fmt.Sprintf("the kernel forwards it as well, by %s to %s", dev, r.via), true
	default:
		return fmt.Sprintf("it is in the network of %s: the kernel looks for it there, and answers by an ICMP "+
			"error where nobody has it", dev), true
	}
}

// silent says why nobody answers ARP or NDP for a VIP in the network of an
// interface; empty if the kernel does.
func (l *look) silent(vip netip.Prefix, name string) string {
	by := "ARP"
	if vip.Addr().Is6() {
		by = "NDP"
	}
	if r, err := lookUp(l.conn, vip.Addr()); err == nil && r.kind == unix.RTN_LOCAL {
		return ""
	}
	list := addresses(vip)
	if list == nil {
		return fmt.Sprintf("it is in the network of %s and has over %d addresses: nobody answers %s for them. "+
			"Have the routers on this link route it to this host", name, maxProxies, by)
	}
	for _, a := range list {
		if _, ok := l.proxies[proxy{l.byName[name].Index, a}]; !ok {
			return fmt.Sprintf("it is in the network of %s, and nobody answers %s for %s: no packet comes in",
				name, by, a)
		}
	}
	switch {
	case vip.Addr().Is6() && l.rejected(vip.Addr()):
		return fmt.Sprintf("it is in the network of %s, and a route of its own rejects it: the kernel answers NDP "+
			"to everybody's question, and not to who knows it already. Remove the route, \"ip route del\"", name)
	case vip.Addr().Is4() && !l.routed(vip):
		return fmt.Sprintf("it is in the network of %s, and has no route to lo: the kernel answers no ARP for it", name)
	}
	return ""
}
