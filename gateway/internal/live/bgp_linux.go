package live

import (
	"context"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
)

const (
	// how often it is asked which services forward
	announceEvery = 100 * time.Millisecond
	// that a process that was restarted waits for its services, before it says
	// to routers which of their routes still hold
	restartWait = 5 * time.Second
)

// speak has routers know of the services that forward, until ctx ends.
func (g *gateway) speak(ctx context.Context) error {
	if g.speaker == nil {
		return nil
	}
	connected, ready, began := false, g.cluster == nil, time.Now()
	var last lastError
	ticker := time.NewTicker(announceEvery)
	defer ticker.Stop()
	for {
		prefixes, others := g.services.Forwarding()
		if ready = ready || g.othersMayCome(); !ready {
			prefixes, others = nil, others+len(prefixes)
		}
		if err := g.speaker.Announce(prefixes); last.turns(err) {
			g.Log.Error("routers are not told of the services", "error", err)
		}
		if !connected && (others == 0 || !g.speaker.Restarts() || time.Since(began) > restartWait) {
			if err := g.speaker.Connect(); err != nil {
				return err
			}
			connected = true
			close(g.connected)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// othersMayCome reports whether routers may send flows of other gateways here,
// which would break before their pins are here.
func (g *gateway) othersMayCome() bool {
	ready, lacks := g.cluster.Ready()
	if ready && lacks != "" {
		g.Log.Warn("routers are told of the services, and flows of other gateways may break here",
			"lacks", lacks, "waited", g.cluster.Config.Wait)
	}
	return ready
}

// untilDrained returns a context that ends after ctx, when routers had the time
// to send packets elsewhere.
func (g *gateway) untilDrained(ctx context.Context) (context.Context, context.CancelFunc) {
	if g.speaker == nil || g.speaker.Keeps() {
		return context.WithCancel(ctx)
	}
	later, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		defer end()
		drained, err := g.speaker.Drain("the end of the process")
		if err != nil {
			g.Log.Error("routers are not told of the end", "error", err)
		}
		select {
		case <-drained:
		case <-later.Done():
		}
	})
	return later, func() { stop(); end() }
}

// startSpeaker returns nil if there are no routers to speak to.
func (g *gateway) startSpeaker() (*bgp.Speaker, error) {
	if g.present.BGP == nil {
		return nil, nil //nolint:nilnil // nil says no BGP
	}
	return bgp.Start(*g.present.BGP, g.Log)
}
