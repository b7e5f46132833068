package live

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
)

var errNoWay = errors.New("the kernel has it on no link")

// A hop is a next hop that the gateway has, or had until it was lost.
type hop struct {
	bgp.Hop
	dev  string    // that it is behind, or was
	lost error     // why it takes no packets; nil: it does
	at   time.Time // since when it is lost
}

// A memory has the next hops of routes, to tell those that are withdrawn, which
// are gone, from those that are lost by a fault, which are down for a while: one
// whose router's session ended, or that is on no link any more. Flows of what is
// down return with it, and those of others do not notice.
type memory struct {
	keep time.Duration // how long what is lost is down
	hops map[netip.Prefix]map[netip.Addr]*hop
}

// follow takes over the routes as they are, and returns them with the next hops
// that are lost. Given are the interfaces of next hops that are on a link, and
// which routers have told of all their routes. A route all of whose next hops
// are lost is none: what is for it may have another way. It is remembered.
func (m *memory) follow(
	routes []bgp.Route, devices map[netip.Addr]string, told map[netip.Addr]bool, now time.Time,
) (list []route) {
	before := m.hops
	m.hops = make(map[netip.Prefix]map[netip.Addr]*hop, len(routes))
	for _, r := range routes {
		m.hops[r.Prefix] = present(r.Hops, before[r.Prefix], devices, now)
	}
	for prefix, hops := range before {
		for addr, h := range hops {
			if m.hops[prefix][addr] == nil && !withdrawn(h, told) {
				if m.hops[prefix] == nil {
					m.hops[prefix] = make(map[netip.Addr]*hop)
				}
				m.hops[prefix][addr] = h.lose(fmt.Errorf("the session with its router %s ended", h.missing(told)), now)
			}
		}
	}
	for prefix, hops := range m.hops {
		maps.DeleteFunc(hops, func(_ netip.Addr, h *hop) bool { return h.lost != nil && now.Sub(h.at) >= m.keep })
		r := route{prefix: prefix, hops: make([]hop, 0, len(hops))}
		living := false
		for _, h := range hops {
			r.hops = append(r.hops, *h)
			living = living || h.lost == nil
		}
		if len(hops) == 0 {
			delete(m.hops, prefix)
		}
		if living {
			slices.SortFunc(r.hops, func(a, b hop) int { return a.Addr.Compare(b.Addr) })
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b route) int { return a.prefix.Compare(b.prefix) })
	return list
}

// A route is a prefix and its next hops, one of which at least takes packets.
type route struct {
	prefix netip.Prefix
	hops   []hop // by address
}

// present returns the next hops that routers announce and that are, or were
// before, on a link.
func present(
	announced []bgp.Hop, before map[netip.Addr]*hop, devices map[netip.Addr]string, now time.Time,
) map[netip.Addr]*hop {
	hops := make(map[netip.Addr]*hop, len(announced))
	for _, a := range announced {
		if dev, ok := devices[a.Addr]; ok {
			hops[a.Addr] = &hop{Hop: a, dev: dev}
		} else if was := before[a.Addr]; was != nil {
			lost := was.lose(errNoWay, now)
			lost.Hop = a
			hops[a.Addr] = lost
		}
	}
	return hops
}

// lose returns the next hop as one that is lost.
func (h *hop) lose(why error, now time.Time) *hop {
	lost := *h
	if lost.lost == nil {
		lost.at = now
	}
	lost.lost = why
	return &lost
}

// withdrawn reports whether a next hop that is announced no more was taken back
// by all routers that had announced it.
func withdrawn(h *hop, told map[netip.Addr]bool) bool { return !h.missing(told).IsValid() }

// missing returns a router of a next hop that has not told of all its routes;
// the zero address if there is none.
func (h *hop) missing(told map[netip.Addr]bool) netip.Addr {
	i := slices.IndexFunc(h.Routers, func(r netip.Addr) bool { return !told[r] })
	if i < 0 {
		return netip.Addr{}
	}
	return h.Routers[i]
}
