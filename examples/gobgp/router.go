package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/ecmp-go/ecmp/selector"
)

// A router has a group of next hops for each prefix, in one scope: a flow table
// (package flowcache) leaves flows where they are while their next hop is one of
// the group, whatever else comes and goes.
type router struct {
	speaker lister
	domain  *selector.Domain
	groups  map[netip.Prefix]*selector.Group[netip.Addr]
	out     io.Writer
}

// A lister is a GoBGP server, as far as it is needed.
type lister interface {
	ListPath(request apiutil.ListPathRequest, each func(bgp.NLRI, []*apiutil.Path)) error
}

func newRouter(s lister, out io.Writer) *router {
	return &router{s, selector.NewDomain(), make(map[netip.Prefix]*selector.Group[netip.Addr]), out}
}

// refresh has the groups follow the paths that there are now.
func (r *router) refresh() error {
	now := make(map[netip.Prefix][]selector.Hop[netip.Addr])
	for prefix := range r.groups {
		now[prefix] = nil // unless it is listed
	}
	for _, family := range []bgp.Family{bgp.RF_IPv4_UC, bgp.RF_IPv6_UC} {
		request := apiutil.ListPathRequest{TableType: api.TableType_TABLE_TYPE_GLOBAL, Family: family}
		err := r.speaker.ListPath(request, func(n bgp.NLRI, paths []*apiutil.Path) {
			if prefix, err := netip.ParsePrefix(n.String()); err == nil {
				now[prefix] = hops(paths)
			}
		})
		if err != nil {
			return err
		}
	}
	for prefix, next := range now {
		if err := r.update(prefix, next); err != nil {
			return err
		}
	}
	return nil
}

// update gives a prefix its next hops, and says what that moves.
func (r *router) update(prefix netip.Prefix, next []selector.Hop[netip.Addr]) (err error) {
	g := r.groups[prefix]
	if g == nil {
		g, err = selector.NewGroup[netip.Addr](r.domain, selector.GroupConfig{
			Name: prefix.String(), Scope: "routes", Strategy: selector.Bounded{},
		})
		if err != nil {
			return err
		}
		r.groups[prefix] = g
	}
	before := g.Load()
	if same(before.View(), next) {
		return nil
	}
	after, err := g.Update(next)
	if err != nil {
		return err
	}
	d := after.Diff(before)
	share := func(n int) float64 { return 100 * float64(n) / float64(d.Hashes) }
	_, err = fmt.Fprintf(r.out, "%s by %s: %.1f %% of new flows go elsewhere, %.1f %% had to\n",
		prefix, names(next), share(d.Moved), share(d.Forced))
	return err
}

// same reports whether a group has these next hops already, in this order.
func same(v *selector.View, next []selector.Hop[netip.Addr]) bool {
	for i, m := range v.All() {
		if v.Len() != len(next) || m.ID != next[i].ID {
			return false
		}
	}
	return v.Len() == len(next)
}

// hops returns the next hops of the best paths, by address. Those under
// graceful shutdown (RFC 8326) count where there is no other: GoBGP leaves that
// to policies.
func hops(paths []*apiutil.Path) (list []selector.Hop[netip.Addr]) {
	best := slices.DeleteFunc(slices.Clone(paths), func(p *apiutil.Path) bool { return !p.Best })
	if staying := slices.DeleteFunc(slices.Clone(best), leaving); len(staying) > 0 {
		best = staying
	}
	for _, p := range best {
		for _, a := range p.Attrs {
			addr := netip.Addr{}
			switch a := a.(type) {
			case *bgp.PathAttributeNextHop:
				addr = a.Value
			case *bgp.PathAttributeMpReachNLRI:
				addr = a.Nexthop
			}
			hop := selector.Hop[netip.Addr]{ID: addr.String(), Weight: 1, Value: addr}
			if addr.IsValid() && !slices.Contains(list, hop) {
				list = append(list, hop)
			}
		}
	}
	slices.SortFunc(list, func(a, b selector.Hop[netip.Addr]) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func leaving(p *apiutil.Path) bool {
	const gracefulShutdown = 0xffff0000
	return slices.ContainsFunc(p.Attrs, func(a bgp.PathAttributeInterface) bool {
		c, ok := a.(*bgp.PathAttributeCommunities)
		return ok && slices.Contains(c.Value, gracefulShutdown)
	})
}

func names(hops []selector.Hop[netip.Addr]) string {
	if len(hops) == 0 {
		return "nobody"
	}
	list := make([]string, len(hops))
	for i, h := range hops {
		list[i] = h.ID
	}
	return strings.Join(list, ", ")
}
