package live

import (
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
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
	missing := make(map[place]bool)
	for _, s := range list {
		for _, m := range s.Members {
			p := place{carriers[m.Dev], m.Addr}
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
