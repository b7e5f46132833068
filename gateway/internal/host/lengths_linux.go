package host

import (
	"fmt"
	"net/netip"
	"slices"
)

// lengths compares the MTU of where packets come in by with that of members'
// interfaces. Those with tunnels are a matter of tunnels.
func (d *devices) lengths(w Want) (list []Finding) {
	outer := w.outer()
	for _, name := range w.In {
		i, ok := d.byName[name]
		if !ok {
			continue
		}
		short, least := []string{}, i.MTU
		for _, out := range w.Out {
			if o, ok := d.byName[out]; ok && outer[out] == 0 && o.MTU < i.MTU {
				short, least = append(short, out), min(least, o.MTU)
			}
		}
		if len(short) > 0 {
			list = append(list, Finding{About: name, Wrong: true, Says: fmt.Sprintf("its MTU is %d, and that of %s "+
				"is less (%d): longer packets are dropped. \"ip link set %s mtu %d\"",
				i.MTU, some(short), least, name, least)})
		}
	}
	return list
}

// leastIPv6 is what every link has for packets of IPv6 (RFC 8200). Senders
// discard an error that tells of less (RFC 8201).
const leastIPv6 = 1280

// tunnels finds members' interfaces without room for what comes in and what
// tunnels add to it, or for what no sender of IPv6 makes shorter.
func (d *devices) tunnels(w Want) (list []Finding) {
	outer, longest, from := w.outer(), 0, ""
	for _, name := range w.In {
		if i, ok := d.byName[name]; ok && i.MTU > longest {
			longest, from = i.MTU, name
		}
	}
	v6 := slices.ContainsFunc(w.VIPs, func(p netip.Prefix) bool { return p.Addr().Is6() })
	for _, name := range w.Out {
		o, ok := d.byName[name]
		if !ok {
			continue
		}
		adds := outer[name]
		if adds > 0 && o.MTU < longest+adds {
			list = append(list, Finding{About: name, Wrong: true, Says: fmt.Sprintf("its MTU is %d, and %d are needed "+
				"for packets as long as the MTU of %s (%d) and the %d bytes that tunnels add: those of more than %d "+
				"are dropped, not cut into fragments. \"ip link set %s mtu %d\"",
				o.MTU, longest+adds, from, longest, adds, o.MTU-adds, name, longest+adds)})
		}
		if v6 && o.MTU < leastIPv6+adds {
			with := ""
			if adds > 0 {
				with = fmt.Sprintf(" with the %d bytes that tunnels add", adds)
			}
			list = append(list, Finding{About: name, Wrong: true, Says: fmt.Sprintf("its MTU is %d, and "+
				"IPv6 needs %d%s: senders may go on with packets of %d, which are dropped, "+
				"whatever they are told (RFC 8201). "+
				"\"ip link set %s mtu %d\"", o.MTU, leastIPv6+adds, with, leastIPv6, name, leastIPv6+adds)})
		}
	}
	return list
}

// outer returns by interface what tunnels to its members add to a packet, at
// most.
func (w Want) outer() map[string]int {
	outer := make(map[string]int)
	for _, m := range w.Members {
		outer[m.Dev] = max(outer[m.Dev], m.Outer)
	}
	return outer
}
