package live

import (
	"context"
	"net/netip"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/health"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// How often what is wanted is compared with what the host has: events get lost.
const interval = 3 * time.Second

// How long after a change the host is looked at, so that a host whose interfaces
// come and go all the time is not looked at all the time.
const pause = 100 * time.Millisecond

// meet tells the services of the host as it is now.
func (g *gateway) meet() error {
	g.services.Keep = g.keep
	err := links.List(func(l links.Link) {
		if _, ok := g.in[l.Name]; ok {
			g.in[l.Name] = l // as the plane has met it
		}
		g.linkChanged(l)
	})
	if err != nil {
		return err
	}
	return links.ListNeighbours(g.neighbourChanged)
}

// reconcileUntil has the services follow the host until ctx ends.
func (g *gateway) reconcileUntil(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		g.look()
		select {
		case <-ctx.Done():
			return nil
		case <-g.looks:
			time.Sleep(pause) // one change seldom comes alone
			continue
		case <-ticker.C:
		}
		g.complain("the data plane is behind", g.services.Reconcile())
	}
}

func (g *gateway) linkChanged(l links.Link) {
	if was, ok := g.in[l.Name]; ok {
		g.in[l.Name] = l
		if l.Index != 0 && (was.Index != l.Index || was.MAC != l.MAC && g.compiled) {
			g.plane.Renew()
		}
	}
	g.lookSoon() // what the kernel had for one that was removed is gone with it
	if err := g.services.SetLink(l); err != nil {
		g.Log.Error("the data plane does not know of a change", "dev", l.Name, "error", err)
	}
}

func (g *gateway) keep(index int, addr netip.Addr) {
	if err := links.KeepNeighbour(index, addr); err != nil {
		g.Log.Warn("the kernel does not resolve a neighbour", "neighbour", addr, "error", err)
	}
}

// markOf returns the mark of what is sent to a member through an address of its
// service.
func (g *gateway) markOf(t health.Target) (uint32, error) {
	return g.keeper.Ways().Mark(services.PathOf(t)) // checks of this kind need a keeper
}

// checked takes over what a check found.
func (g *gateway) checked(t health.Target, fault error) {
	if err := g.services.By("check").SetHealth(t, fault); err != nil {
		g.Log.Error("the data plane does not know of a change", "member", t.Member, "error", err)
	}
}
