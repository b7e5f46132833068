package host

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// A Keeper has the kernel leave packets for VIPs to the data plane: a table of
// nftables drops them, and for a VIP in the network of an interface of "in" the
// kernel answers ARP and NDP, by proxy neighbours and, in IPv4, a route to lo. It
// switches forwarding on, which replies need, and leads checks through VIPs by
// the way of [Ways], and keeps all of that in place.
//
// A Keeper that was killed is followed by one with the same control address,
// which finds what is there. Its methods are for one goroutine.
type Keeper struct {
	name  string
	ways  *Ways
	last  Want // of the last call
	clean bool // that call failed in nothing
}

// NewKeeper returns the keeper of the gateway that is controlled by an address.
func NewKeeper(control string) *Keeper {
	name := nameOf(control)
	return &Keeper{name: name, ways: newWays(name)}
}

// Ways returns the ways that it keeps.
func (k *Keeper) Ways() *Ways { return k.ways }

// Keep sets what is missing, and returns what it set, one line each. It takes
// away what it set for VIPs that are served no more. After an error it has set
// what it could.
func (k *Keeper) Keep(w Want) (done []string, err error) {
	l, err := newLook(w)
	if err != nil {
		return nil, err
	}
	defer l.close() //nolint:errcheck // all was acknowledged
	k.ways.set(w.Paths, l)
	ways, err := k.ways.missing(l)
	steps := append(k.missing(l), ways...)
	if !k.clean || !slices.Equal(k.last.VIPs, w.VIPs) || !slices.Equal(k.last.Paths, w.Paths) {
		// Before the rules change: while a route to lo is there, they have to
		// drop what is for it.
		old, e := k.leftovers(l, w.VIPs)
		steps, err = append(old, steps...), errors.Join(err, e)
	}
	for _, s := range steps {
		if e := s.do(); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.what, e))
			continue
		}
		done = append(done, s.what)
	}
	k.last, k.clean = Want{VIPs: slices.Clone(w.VIPs), Paths: slices.Clone(w.Paths)}, err == nil
	return done, err
}

// missing returns what is to be set. The rules come first: until they are there
// a route to lo is a loop.
func (k *Keeper) missing(l *look) (steps []step) {
	if !l.table(k.name).is(l.want.VIPs) {
		steps = append(steps, step{
			what: fmt.Sprintf("nft table inet %s, which drops what is for %s", k.name, some(l.want.VIPs)),
			do:   func() error { return setRules(k.name, l.want.VIPs) },
		})
	}
	loose := slices.ContainsFunc(l.want.Out, func(name string) bool { return filters(name) > 0 })
	for _, vip := range l.want.VIPs {
		names := l.onLink[vip]
		// A reply is let in where a route leads to its source, the VIP. ARP is
		// answered where that leads elsewhere. In IPv6 a route to lo rejects
		// packets, and with them who asks for the address by unicast.
		if vip.Addr().Is4() && (len(names) > 0 || loose) && !l.routed(vip) {
			steps = append(steps, step{
				what: fmt.Sprintf("ip route add %s dev lo proto %d", vip, protocol),
				do:   func() error { return addRoute(l.conn, vip, l.byName["lo"].Index) },
			})
		}
		for _, name := range names {
			for _, a := range addresses(vip) {
				p := proxy{l.byName[name].Index, a}
				if _, ok := l.proxies[p]; !ok {
					steps = append(steps, step{
						what: fmt.Sprintf("ip neigh add proxy %s dev %s protocol %d", a, name, protocol),
						do:   func() error { return setProxy(p, true) },
					})
				}
			}
		}
	}
	return append(steps, l.settings()...)
}

// leftovers returns the removal of routes and proxies that gateways made, but
// for those of the VIPs given, and of VIPs of other gateways on this host; and
// that of ways that nobody takes.
func (k *Keeper) leftovers(l *look, but []netip.Prefix) (steps []step, err error) {
	needed := func(a netip.Addr) bool {
		return l.dropped(a, k.name) || slices.ContainsFunc(but, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	for p, ours := range l.proxies {
		if ours && !needed(p.addr) {
			steps = append(steps, step{
				what: fmt.Sprintf("ip neigh del proxy %s dev %s", p.addr, l.byIndex[p.dev]),
				do:   func() error { return setProxy(p, false) },
			})
		}
	}
	routes, err := l.made()
	for _, p := range routes {
		if p.Addr().Is6() || !slices.Contains(but, p) && !l.dropped(p.Addr(), k.name) {
			steps = append(steps, step{
				what: fmt.Sprintf("ip route del %s dev lo proto %d", p, protocol),
				do:   func() error { return deleteRoute(l.conn, p, l.byName["lo"].Index) },
			})
		}
	}
	old, e := k.ways.leftovers(l)
	return append(steps, old...), errors.Join(err, e)
}

// Remove takes away what Keep set, but for what another gateway on this host
// needs, and for sysctls, which others may have come to need. No check is asked by
// its ways then.
func (k *Keeper) Remove() error {
	l, err := newLook(Want{})
	if err != nil {
		return err
	}
	defer l.close() //nolint:errcheck // all was acknowledged
	k.ways.set(nil, l)
	steps, err := k.leftovers(l, nil)
	for _, s := range steps {
		err = errors.Join(err, s.do())
	}
	err = errors.Join(err, removeRules(k.name)) // last: until then nothing is a loop
	return errors.Join(err, k.ways.close())
}

// some names what is in a list, but not thousands.
func some[T any](list []T) string {
	const most = 4
	text := ""
	for i, item := range list {
		if i == most {
			return fmt.Sprintf("%s and %d more", text, len(list)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(item)
	}
	return text
}
