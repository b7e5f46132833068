package live

import (
	"context"
	"log/slog"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/joined"
)

// joinPatience is how long a start waits for the cluster: while it is not
// joined, new flows may go elsewhere than at the other gateways.
const joinPatience = 3 * time.Second

// leavePatience is how long the end waits until the others know of it.
const leavePatience = 3 * time.Second

// newCluster returns nil if the configuration has no cluster. It reads the
// files that the configuration names, so that what is wrong with them is told
// at once.
func newCluster(c *config.Config, log *slog.Logger) (*joined.Cluster, error) {
	if c.Cluster == nil {
		return nil, nil //nolint:nilnil // nil says no cluster
	}
	if _, err := c.Cluster.TLSConfig(); err != nil {
		return nil, err
	}
	return joined.New(joined.Options{
		Config: *c.Cluster, Log: log, Policy: placement.Placement{Seed: c.Seed}.Policy().Fingerprint(),
		Sticky: c.Sticky,
		Tables: c.Plane.Needs.Tables, SharesPins: c.Plane.SharesPins,
	}), nil
}

// joinCluster begins to take part in the cluster, and waits for a moment until
// that is so. It is no reason not to run if it is not.
func (g *gateway) joinCluster(ctx context.Context) {
	if g.cluster == nil {
		return
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	g.leave = func() {
		end()
		select {
		case <-done:
		case <-time.After(leavePatience): // it waits for a server that does not answer
		}
	}
	g.cluster.Services = g.services
	g.cluster.Follow(g.present.Services)
	go func() {
		defer close(done)
		g.cluster.Run(running)
	}()
	waiting, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	if err := g.cluster.Wait(waiting); err != nil {
		g.Log.Warn("the cluster is not joined yet: forwarding by what was known before", "error", err)
	}
}

func (g *gateway) leaveCluster() {
	if g.leave != nil {
		g.leave()
	}
}
