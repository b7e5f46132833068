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
)

// learn has the services follow the routes that routers announce, until ctx
// ends. Nothing is learned if how is nil.
func (g *gateway) learn(ctx context.Context, how *config.Learn) error {
	if how == nil {
		return nil
	}
	var present []config.Service
	var told map[netip.Prefix]bool // routes that are left out
	said := ""
	ticker := time.NewTicker(interval) // an interface may have got an address
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

// learned returns the services that routers announce now, and the prefixes that
// are left out since they contain an address of this host.
func (g *gateway) learned() (list []config.Service, own []netip.Prefix, err error) {
	routes, err := g.speaker.Routes()
	if err != nil {
		return nil, nil, err
	}
	networks, err := networks()
	if err != nil {
		return nil, nil, err
	}
	list, own = networks.serve(routes)
	return list, own, nil
}

// serve returns the services of routes. Next hops that are on no network of this
// host are left out. So are prefixes that contain an address of this host: what
// is for it, its own sessions with routers among it, would be forwarded away.
func (n hostNetworks) serve(routes []bgp.Route) (list []config.Service, own []netip.Prefix) {
	for _, r := range routes {
		if slices.ContainsFunc(n.addrs, r.Prefix.Contains) {
			own = append(own, r.Prefix)
			continue
		}
		s := config.Service{Name: nameOf(r.Prefix.String()), Prefixes: []netip.Prefix{r.Prefix}, Learned: true}
		for _, h := range r.Hops {
			if dev, ok := n.device(h.Addr); ok {
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

// hostNetworks are the networks of this host, with their interfaces, and its
// addresses, those of the loopback interface too.
type hostNetworks struct {
	devices map[netip.Prefix]string
	addrs   []netip.Addr
}

func networks() (hostNetworks, error) {
	all := hostNetworks{devices: make(map[netip.Prefix]string)}
	interfaces, err := net.Interfaces()
	if err != nil {
		return all, fmt.Errorf("interfaces: %w", err)
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it is gone
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			all.addrs = append(all.addrs, p.Addr())
			if i.Flags&net.FlagLoopback == 0 { // which leads nowhere
				all.devices[p.Masked()] = i.Name
			}
		}
	}
	return all, nil
}

// device returns the interface whose network has an address, that of the
// longest prefix.
func (n hostNetworks) device(addr netip.Addr) (dev string, ok bool) {
	longest := -1
	for p, name := range n.devices {
		if p.Bits() > longest && p.Contains(addr) {
			longest, dev, ok = p.Bits(), name, true
		}
	}
	return dev, ok
}
