package joined

import (
	"context"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/cluster"
)

// joinAll joins what is not joined yet, and reports whether all is then.
func (c *Cluster) joinAll(ctx context.Context) bool {
	c.mu.Lock()
	var list []*group
	for _, g := range c.groups {
		if g.membership == nil {
			list = append(list, g)
		}
	}
	conn := c.conn
	c.mu.Unlock()
	var joining sync.WaitGroup
	for _, g := range list {
		joining.Go(func() { c.join(ctx, conn, g) })
	}
	joining.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.groups {
		if g.membership == nil {
			return false
		}
	}
	return true
}

// joinPatience is how long one try to join takes.
const joinPatience = 10 * time.Second

func (c *Cluster) join(ctx context.Context, conn *cluster.Conn, g *group) {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	m, err := cluster.JoinReplica(ctx, conn, cluster.ReplicaConfig{
		Name: g.service, Strategy: g.strategy, Scope: g.scope, Members: g.seeds, Replica: g,
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if g.fault == nil || g.fault.Error() != err.Error() {
			c.Log.Error("cluster: a service is not joined", "service", g.service, "error", err)
		}
		g.fault = err
		return
	}
	if g.left {
		m.Close()
		return
	}
	g.membership, g.fault = m, nil
	c.last = time.Now()
	close(c.joined)
	c.joined = make(chan struct{})
	c.Log.Info("cluster: a service is joined", "service", g.service, "version", m.View().Version())
	go c.tellDifferences()
}
