package host

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// A look is what the host has at one moment. It is to be closed.
type look struct {
	want    Want
	conn    *rtnetlink.Conn
	byName  map[string]net.Interface
	byIndex map[int]string
	onLink  map[netip.Prefix][]string // the interfaces of "in" in whose network a VIP is
	tables  []*table
	proxies map[proxy]bool
}

func newLook(w Want) (l *look, err error) {
	l = &look{
		want: w, byName: make(map[string]net.Interface), byIndex: make(map[int]string),
		onLink: make(map[netip.Prefix][]string),
	}
	if l.conn, err = rtnetlink.Dial(nil); err != nil {
		return nil, err
	}
	if err := l.fill(); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *look) close() error { return l.conn.Close() }

func (l *look) fill() (err error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		l.byName[i.Name], l.byIndex[i.Index] = i, i.Name
	}
	for _, name := range l.want.In {
		i, ok := l.byName[name]
		if !ok {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it vanished meanwhile
		}
		for _, vip := range l.want.VIPs {
			if slices.ContainsFunc(addrs, func(a net.Addr) bool { return contains(a, vip) }) {
				l.onLink[vip] = append(l.onLink[vip], name)
			}
		}
	}
	if l.tables, err = tables(); err != nil {
		return err
	}
	l.proxies, err = proxies()
	return err
}

// contains reports whether the network of an address has all of a prefix.
func contains(a net.Addr, vip netip.Prefix) bool {
	p, err := netip.ParsePrefix(a.String())
	return err == nil && p.Bits() < p.Addr().BitLen() && p.Bits() <= vip.Bits() && p.Masked().Contains(vip.Addr())
}

// up returns the index of an interface that is up, else 0.
func (l *look) up(name string) int {
	if i := l.byName[name]; i.Flags&net.FlagUp != 0 {
		return i.Index
	}
	return 0
}

func (l *look) table(name string) *table {
	i := slices.IndexFunc(l.tables, func(t *table) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return l.tables[i]
}

// dropped reports whether a table drops what is for an address, other than the
// one of the name.
func (l *look) dropped(a netip.Addr, but string) bool {
	return slices.ContainsFunc(l.tables, func(t *table) bool { return t.name != but && t.has(a) })
}

// maxProxies limits how many addresses of one VIP the kernel answers ARP for: it
// has an entry for each.
const maxProxies = 256

// addresses returns those that a VIP on a link needs answers for; nil if there
// are too many.
func addresses(p netip.Prefix) (list []netip.Addr) {
	for a := p.Addr(); a.IsValid() && p.Contains(a); a = a.Next() {
		if len(list) == maxProxies {
			return nil
		}
		list = append(list, a)
	}
	return list
}

// routed reports whether the kernel has the route to lo of a VIP.
func (l *look) routed(p netip.Prefix) bool {
	r, err := lookUp(l.conn, p.Addr())
	return err == nil && r.kind == unix.RTN_UNICAST && r.dev == l.byName["lo"].Index && r.prefix == p.Bits()
}

// rejected reports whether the kernel takes in no packet for an address: its
// route is a blackhole, or leads to lo, which rejects in IPv6.
func (l *look) rejected(a netip.Addr) bool {
	r, err := lookUp(l.conn, a)
	return err != nil || r.dev == l.byName["lo"].Index
}

// made returns the prefixes that gateways have routes to lo for.
func (l *look) made() (list []netip.Prefix, err error) {
	for _, f := range []uint8{unix.AF_INET, unix.AF_INET6} {
		routes, err := tableOf(l.conn, f, unix.RT_TABLE_MAIN)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			a, ok := netip.AddrFromSlice(r.Attributes.Dst)
			if ok && r.Protocol == protocol && int(r.Attributes.OutIface) == l.byName["lo"].Index {
				list = append(list, netip.PrefixFrom(a, int(r.DstLength)))
			}
		}
	}
	return list, nil
}
