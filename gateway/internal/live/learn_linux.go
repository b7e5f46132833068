package live

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"reflect"
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
		next, err := g.learned()
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

// learned returns the services that routers announce now. Next hops that are on
// no network of this host are left out.
func (g *gateway) learned() ([]config.Service, error) {
	routes, err := g.speaker.Routes()
	if err != nil {
		return nil, err
	}
	networks, err := networks()
	if err != nil {
		return nil, err
	}
	var list []config.Service
	for _, r := range routes {
		s := config.Service{Name: nameOf(r.Prefix.String()), Prefixes: []netip.Prefix{r.Prefix}, Learned: true}
		for _, h := range r.Hops {
			if dev, ok := networks.device(h.Addr); ok {
				s.Members = append(s.Members, member(h, dev))
			}
		}
		if len(s.Members) > 0 {
			list = append(list, s)
		}
	}
	return list, nil
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

// networks of this host, with their interfaces.
type hostNetworks map[netip.Prefix]string

func networks() (hostNetworks, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	all := make(hostNetworks)
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagLoopback != 0 {
			continue // it is gone, or leads nowhere
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all[p.Masked()] = i.Name
			}
		}
	}
	return all, nil
}

// device returns the interface whose network has an address, that of the
// longest prefix.
func (n hostNetworks) device(addr netip.Addr) (dev string, ok bool) {
	longest := -1
	for p, name := range n {
		if p.Bits() > longest && p.Contains(addr) {
			longest, dev, ok = p.Bits(), name, true
		}
	}
	return dev, ok
}
