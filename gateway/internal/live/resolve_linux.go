package live

import (
	"net/netip"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// How long a start waits for neighbours: they answer within milliseconds, or
// not at all.
const (
	resolvePatience = time.Second
	resolvePause    = 10 * time.Millisecond
)

// resolve has the kernel find the members whose MAC address was not given, and
// waits for a moment. While one is not known it is down, and the flows that were
// restored would break at others.
func (g *gateway) resolve(list []config.Service) {
	carriers := make(map[string]int)
	if links.List(func(l links.Link) {
		if l.Carrier {
			carriers[l.Name] = l.Index
		}
	}) != nil {
		return // nothing is known of the host: members are down until that is mended
	}
	routers := g.followRouters(services.PlacesOf(list))
	missing := make(map[place]bool)
	for _, s := range list {
		for _, m := range s.Members {
			p := place{carriers[m.Dev], m.NextHop()}
			if router, ok := routers[services.PlaceOf(m)]; ok {
				p.addr = router
			}
			if m.MAC == (engine.MAC{}) && p.index != 0 && !missing[p] {
				missing[p] = true
				g.keep(p.index, p.addr)
			}
		}
	}
	for began := time.Now(); len(missing) > 0 && time.Since(began) < resolvePatience; time.Sleep(resolvePause) {
		err := links.ListNeighbours(func(n links.Neighbour) {
			g.setNeighbour(n)
			if n.MAC != (engine.MAC{}) {
				delete(missing, place{n.Index, n.Addr})
			}
		})
		if err != nil {
			return
		}
	}
}

// followRouters tells the services of the routers behind which the kernel has
// members in tunnels, and returns them.
func (g *gateway) followRouters(places []services.Place) map[services.Place]netip.Addr {
	members := make([]host.Member, len(places))
	for i, p := range places {
		members[i] = host.Member(p)
	}
	found, err := host.Routers(members)
	if g.complain("the kernel does not say the way to members", err); err != nil {
		return nil
	}
	routers := make(map[services.Place]netip.Addr, len(found))
	for m, router := range found {
		routers[services.Place(m)] = router
	}
	g.complain("the data plane does not know of a change of routes", g.services.SetRouters(routers))
	return routers
}
