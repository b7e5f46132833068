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
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// learn has the services follow the routes that routers announce, until ctx
// ends. Nothing is learned if how is nil. After a restart it begins when routers
// have told all.
func (g *gateway) learn(ctx context.Context, how *config.Learn) error {
	if how == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-g.connected:
	}
	var present learned
	var told map[netip.Prefix]bool // routes that are left out
	var last lastError
	known := memory{keep: how.Keep}
	start := settling{before: g.learnedBefore, wait: how.Wait, ended: len(g.learnedBefore) == 0}
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
		next, own, peers, err := g.learned(&known)
		if err == nil {
			told = g.tellOwn(own, told)
		}
		for i := range next.services {
			next.services[i].Strategy = how.Strategy
		}
		if err == nil && !start.ended {
			if !start.over(next.services, peers, time.Now()) {
				continue
			}
			start.tell(g.Log, peers)
			ticker.Reset(interval)
		}
		if err == nil && !reflect.DeepEqual(next, present) {
			if err = g.services.By("BGP").SetLearned(next.services, next.lost); err == nil {
				present = next
			}
		}
		if last.turns(err) {
			g.Log.Error("routes are not taken over", "error", err)
		}
	}
}

// What is learned is services, and which of their members are lost.
type learned struct {
	services []config.Service
	lost     services.Lost
}

// learned returns what routers announce now, the prefixes that are left out
// since they contain an address of this host, and how it stands to routers.
func (g *gateway) learned(known *memory) (l learned, own []netip.Prefix, peers []bgp.PeerState, err error) {
	routes, err := g.speaker.Routes()
	if err != nil {
		return l, nil, nil, err
	}
	// After the routes: a session is seen to have ended when its routes are gone.
	peers = g.speaker.State().Peers
	told := make(map[netip.Addr]bool, len(peers))
	for _, p := range peers {
		told[p.Addr] = p.ToldAll
	}
	addrs, err := ownAddrs()
	if err != nil {
		return l, nil, nil, err
	}
	var hops []netip.Addr
	for _, r := range routes {
		for _, h := range r.Hops {
			hops = append(hops, h.Addr)
		}
	}
	devices, err := host.OnLink(hops)
	if err != nil {
		return l, nil, nil, fmt.Errorf("next hops: %w", err)
	}
	l, own = serve(known.follow(routes, devices, told, time.Now()), addrs)
	return l, own, peers, nil
}

// serve returns the services of routes. Prefixes that contain an address of this
// host are left out: what is for it, its own sessions with routers among it,
// would be forwarded away.
func serve(routes []route, addrs []netip.Addr) (l learned, own []netip.Prefix) {
	l.lost = make(services.Lost)
	for _, r := range routes {
		if slices.ContainsFunc(addrs, r.prefix.Contains) {
			own = append(own, r.prefix)
			continue
		}
		s := config.Service{Name: nameOf(r.prefix.String()), Prefixes: []netip.Prefix{r.prefix}, Learned: true}
		for _, h := range r.hops {
			m := member(h)
			s.Members = append(s.Members, m)
			if h.lost == nil {
				continue
			}
			if l.lost[s.Name] == nil {
				l.lost[s.Name] = make(map[string]error)
			}
			l.lost[s.Name][m.ID] = h.lost
		}
		l.services = append(l.services, s)
	}
	return l, own
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

func member(h hop) config.Member {
	return config.Member{ID: nameOf(h.Addr.String()), Dev: h.dev, Addr: h.Addr, Weight: h.Weight}
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
