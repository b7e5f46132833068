package bgp

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/ecmp-go/ecmp/selector"
)

// A Route is a prefix that routers announce, and the next hops to it.
type Route struct {
	Prefix netip.Prefix
	Hops   []Hop // by address
}

// A Hop is a next hop of a route.
type Hop struct {
	Addr   netip.Addr
	Weight uint32 // the bandwidth of its path in Mbit/s, or 1 for all

	Routers []netip.Addr // that announce it, in order
}

// Routes returns what routers announce of what is to be learned, by prefix: the
// next hops of the best paths of each. Best are those that BGP prefers, and all
// that are as long.
func (s *Speaker) Routes() ([]Route, error) {
	var routes []Route
	for _, family := range []bgp.Family{bgp.RF_IPv4_UC, bgp.RF_IPv6_UC} {
		request := apiutil.ListPathRequest{TableType: api.TableType_TABLE_TYPE_GLOBAL, Family: family}
		err := s.server.ListPath(request, func(n bgp.NLRI, paths []*apiutil.Path) {
			prefix, err := netip.ParsePrefix(n.String())
			if err != nil || !s.config.Learn.Wants(prefix) {
				return
			}
			if hops := hops(paths); len(hops) > 0 {
				routes = append(routes, Route{prefix, hops})
			}
		})
		if err != nil {
			return nil, fmt.Errorf("BGP: %w", err)
		}
	}
	slices.SortFunc(routes, func(a, b Route) int { return a.Prefix.Compare(b.Prefix) })
	return routes, nil
}

// Changed returns a channel that has a value when what Routes returns may have
// changed.
func (s *Speaker) Changed() <-chan struct{} { return s.changed }

func (s *Speaker) routesChanged() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// hops returns the next hops of the best paths of a prefix. One that several
// peers name is there once, with the most bandwidth.
func hops(paths []*apiutil.Path) []Hop {
	weighed := true
	var list []Hop
	for _, p := range paths {
		if !p.Best || p.Withdrawal || !p.PeerAddress.IsValid() || p.PeerAddress.IsUnspecified() {
			continue // one without a peer is the gateway's own
		}
		addr := nextHop(p)
		if !addr.IsValid() || addr.IsUnspecified() {
			continue
		}
		hop := Hop{addr, bandwidth(p), []netip.Addr{p.PeerAddress}}
		weighed = weighed && hop.Weight > 0
		if i := slices.IndexFunc(list, func(h Hop) bool { return h.Addr == addr }); i >= 0 {
			list[i].Weight = max(list[i].Weight, hop.Weight)
			list[i].Routers = append(list[i].Routers, p.PeerAddress)
			continue
		}
		list = append(list, hop)
	}
	for i := range list {
		if !weighed {
			list[i].Weight = 1
		}
		slices.SortFunc(list[i].Routers, netip.Addr.Compare)
		list[i].Routers = slices.Compact(list[i].Routers)
	}
	slices.SortFunc(list, func(a, b Hop) int { return a.Addr.Compare(b.Addr) })
	return list
}

func nextHop(p *apiutil.Path) netip.Addr {
	for _, a := range p.Attrs {
		switch a := a.(type) {
		case *bgp.PathAttributeNextHop:
			return a.Value.Unmap()
		case *bgp.PathAttributeMpReachNLRI:
			return a.Nexthop
		}
	}
	return netip.Addr{}
}

// bandwidth returns that of a path's link in Mbit/s; 0 if it has none, or one
// that is no use as a weight.
func bandwidth(p *apiutil.Path) uint32 {
	for _, a := range p.Attrs {
		list, ok := a.(*bgp.PathAttributeExtendedCommunities)
		if !ok {
			continue
		}
		for _, c := range list.Value {
			if link, ok := c.(*bgp.LinkBandwidthExtended); ok && link.Bandwidth > 0 {
				megabits := math.Round(float64(link.Bandwidth) / bytesPerMegabit)
				return uint32(min(max(megabits, 1), selector.MaxWeight))
			}
		}
	}
	return 0
}
