package main

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
	"github.com/ecmp-go/ecmp/hash"
)

type routeKey struct {
	prefix         netip.Prefix
	table, metric  uint32
	object         uint32
	typ            uint8
	firstHop, hops int
}

// A hostRoute is a route with its group.
type hostRoute struct {
	group group

	// unsure holds the next hops, by index, that the kernel may refuse for
	// their neighbours' sake; it then keeps one that depends on history.
	unsure []bool
}

// keyOf returns what tells a route from others.
func keyOf(r fib.Route) routeKey {
	key := routeKey{r.Prefix, r.Table, r.Metric, r.Nexthop, r.Type, 0, len(r.Hops)}
	if len(r.Hops) == 1 {
		key.firstHop = r.Hops[0].Out
	}
	return key
}

// route returns the group of a route, which it keeps.
func (h *host) route(r fib.Route, s sysctls) (*hostRoute, error) {
	key := keyOf(r)
	if to, ok := h.routes[key]; ok {
		return to, nil
	}
	r, err := h.conn.Complete(r)
	if err != nil {
		return nil, err
	}
	to := h.groupOf(r)
	h.routes[key] = to
	l := &liveRoute{
		Prefix: r.Prefix.String(), Table: r.Table, Kind: kindName(r.Kind), Policy: int(s.linux.Policy),
		Seed: s.linux.Seed, Buckets: len(r.Buckets), metric: r.Metric,
	}
	if s.linux.Policy == hash.LinuxCustom {
		l.Fields = fmt.Sprintf("%#x", s.linux.Fields)
	}
	for i, hop := range to.group.hops {
		state := hop.state()
		if state == "" && r.Hops[i].Linkdown {
			state = "linkdown"
		}
		l.Nexthops = append(l.Nexthops, liveHop{hop.name, hop.weight, state})
	}
	for _, before := range h.seen {
		if before.Prefix == l.Prefix && before.Table == l.Table && before.metric == l.metric {
			*before = *l
			return to, nil
		}
	}
	h.seen = append(h.seen, l)
	return to, nil
}

// groupOf returns the group of next hops of a route.
func (h *host) groupOf(r fib.Route) *hostRoute {
	v6 := r.Prefix.Addr().Is6()
	list := r.Kind == fib.Inline
	g := group{
		buckets: r.Buckets, list: list && !v6, passOver: r.Kind == fib.Object || list && !v6 && h.useNeigh,
	}
	unsure := make([]bool, len(r.Hops))
	for i, of := range r.Hops {
		valid, known := h.neighbours[fib.Neighbour{Addr: of.Gateway, Out: of.Out}]
		hop := hop{name: h.hopName(of.Gateway, of.Out), weight: of.Weight, dead: of.Dead, failed: known && !valid}
		hop.carrierless = of.Dead && of.Linkdown && h.up[of.Out]
		if g.list {
			hop.source = fib.Source(h.addresses, of.Out, of.Gateway)
		}
		unsure[i] = v6 && !h.router6 && of.Gateway.IsValid() && !valid
		g.hops = append(g.hops, hop)
	}
	if !list && slices.Contains(unsure, false) { // one is enough for nexthop objects
		clear(unsure)
	}
	if err := g.build(); err != nil {
		g.living = nil
	}
	return &hostRoute{g, unsure}
}
