package live

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
)

// learn has the services follow the routes that routers announce, until ctx
// ends. Nothing is learned if how is nil. After a restart it begins when routers
// have told all.
func (g *gateway) learn(ctx context.Context, how *config.Learn) error {
	if how == nil {
		return nil
	}
	var present []config.Service
	var told map[netip.Prefix]bool // routes that are left out
	said := ""
	start := settling{before: g.learnedBefore, ended: len(g.learnedBefore) == 0}
	every := interval // an interface may have got an address
	if !start.ended {
		every = settleEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.speaker.Changed():
		case <-ticker.C:
		}
		next, own, err := g.learned()
		if err == nil {
			told = g.tellOwn(own, told)
		}
		for i := range next {
			next[i].Strategy = how.Strategy
		}
		if err == nil && !start.ended {
			if !start.over(next, g.sessions(), time.Now()) {
				continue
			}
			ticker.Reset(interval)
		}
		if err == nil && !reflect.DeepEqual(next, present) {
			if err = g.services.By("BGP").SetLearned(next); err == nil {
				present = next
			}
		}
		now := ""
		if err != nil {
			now = err.Error()
		}
		if now != said && err != nil {
			g.Log.Error("routes are not taken over", "error", err)
		}
		said = now
	}
}

// sessions reports whether there are sessions with all routers.
func (g *gateway) sessions() bool {
	return !slices.ContainsFunc(g.speaker.State().Peers, func(p bgp.PeerState) bool { return !p.Established() })
}

// learned returns the services that routers announce now, and the prefixes that
// are left out since they contain an address of this host.
func (g *gateway) learned() (list []config.Service, own []netip.Prefix, err error) {
	routes, err := g.speaker.Routes()
	if err != nil {
		return nil, nil, err
	}
	addrs, err := ownAddrs()
	if err != nil {
		return nil, nil, err
	}
	var hops []netip.Addr
	for _, r := range routes {
		for _, h := range r.Hops {
			hops = append(hops, h.Addr)
		}
	}
	devices, err := host.OnLink(hops)
	if err != nil {
		return nil, nil, fmt.Errorf("next hops: %w", err)
	}
	list, own = serve(routes, devices, addrs)
	return list, own, nil
}

// serve returns the services of routes. Next hops that are on no link of this
// host are left out. So are prefixes that contain an address of this host: what
// is for it, its own sessions with routers among it, would be forwarded away.
func serve(
	routes []bgp.Route, devices map[netip.Addr]string, addrs []netip.Addr,
) (list []config.Service, own []netip.Prefix) {
	for _, r := range routes {
		if slices.ContainsFunc(addrs, r.Prefix.Contains) {
			own = append(own, r.Prefix)
			continue
		}
		s := config.Service{Name: nameOf(r.Prefix.String()), Prefixes: []netip.Prefix{r.Prefix}, Learned: true}
		for _, h := range r.Hops {
			if dev, ok := devices[h.Addr]; ok {
				s.Members = append(s.Members, member(h, dev))
			}
		}
		if len(s.Members) > 0 {
			list = append(list, s)
		}
	}
	return list, own
}

// tellOwn logs the routes that are left out and were not before, and returns
// all that are.
func (g *gateway) tellOwn(own []netip.Prefix, before map[netip.Prefix]bool) map[netip.Prefix]bool {
	now := make(map[netip.Prefix]bool, len(own))
	for _, p := range own {
		if now[p] = true; !before[p] {
			g.Log.Warn("a route is not learned: it contains an address of this host", "prefix", p)
		}
	}
	return now
}

func member(h bgp.Hop, dev string) config.Member {
	return config.Member{ID: nameOf(h.Addr.String()), Dev: dev, Addr: h.Addr, Weight: h.Weight}
}

// nameOf makes a name of an address or a prefix, of the characters that names
// have.
func nameOf(text string) string {
	name := strings.NewReplacer("/", "-", ":", "_").Replace(text)
	return "bgp-" + name
}

// ownAddrs returns the addresses of this host, those of the loopback interface
// too.
func ownAddrs() (own []netip.Addr, err error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("addresses of this host: %w", err)
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	return own, nil
}
