package live

import (
	"context"
	"net/netip"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
)

// A place is an address behind an interface.
type place struct {
	index int
	addr  netip.Addr
}

// A doubt is a neighbour that the kernel knows no more, perhaps since somebody
// deleted it from its table: the kernel is asked to find it again, and until
// that is due it counts as known, since else its flows would break.
type doubt struct {
	place
	due time.Time
}

const (
	mostDoubts = 1024
	flushPause = 100 * time.Millisecond
)

func (g *gateway) neighbourChanged(n links.Neighbour) {
	if n.MAC == (engine.MAC{}) && !n.Gone && g.services.Knows(n.Index, n.Addr) {
		select {
		case g.doubts <- doubt{place{n.Index, n.Addr}, time.Now().Add(resolvePatience)}:
			// A while later: a flush goes on until nothing is left.
			time.AfterFunc(flushPause, func() { g.keep(n.Index, n.Addr) })
			return
		default:
		}
	}
	g.setNeighbour(n)
}

func (g *gateway) setNeighbour(n links.Neighbour) {
	if err := g.services.SetNeighbour(n); err != nil {
		g.Log.Error("the data plane does not know of a change", "neighbour", n.Addr, "error", err)
	}
}

// confirmUntil ends doubts when they are due, until ctx ends.
func (g *gateway) confirmUntil(ctx context.Context) error {
	for {
		var d doubt
		select {
		case <-ctx.Done():
			return nil
		case d = <-g.doubts:
		}
		now := g.due(ctx, d)
		if ctx.Err() != nil {
			return nil
		}
		err := links.ListNeighbours(func(n links.Neighbour) {
			if _, doubted := now[place{n.Index, n.Addr}]; doubted {
				now[place{n.Index, n.Addr}] = n
			}
		})
		if err != nil {
			g.Log.Error("the neighbours can't be listed", "error", err)
			continue
		}
		for _, n := range now {
			g.setNeighbour(n)
		}
	}
}

// due waits for a doubt to be due, and for those that are waiting then, so that
// all take one list. Later ones are left: they may go on coming, and none would
// be confirmed. It returns the places.
func (g *gateway) due(ctx context.Context, first doubt) map[place]links.Neighbour {
	now := make(map[place]links.Neighbour)
	add := func(d doubt) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(d.due)):
		}
		now[d.place] = links.Neighbour{Index: d.index, Addr: d.addr, Gone: true} // until it is listed
	}
	add(first)
	for range len(g.doubts) {
		add(<-g.doubts)
	}
	return now
}
