package joined

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ecmp-go/ecmp/cluster"
)

// connectPatience is how long one try to connect takes, until it is told what
// is in the way: servers without JetStream, or too few of them.
const connectPatience = 10 * time.Second

// connect returns nil if ctx ended before a server was reached.
func (c *Cluster) connect(ctx context.Context) *cluster.Conn {
	for ctx.Err() == nil {
		settings, err := c.settings()
		var conn *cluster.Conn
		if err == nil {
			try, done := context.WithTimeout(ctx, connectPatience)
			conn, err = cluster.Connect(try, settings)
			done()
		}
		if err != nil {
			c.setFault(err)
			pause(ctx, again)
			continue
		}
		c.mu.Lock()
		c.conn, c.fault = conn, nil
		c.mu.Unlock()
		c.Log.Info("cluster: connected", "cluster", c.Config.Name, "gateway", c.Config.Gateway,
			"server", conn.NATS().ConnectedUrlRedacted())
		return conn
	}
	return nil
}

// setFault notes, and logs once, why the cluster is not joined.
func (c *Cluster) setFault(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil || c.fault.Error() != err.Error() {
		c.Log.Error("cluster: not joined yet: forwarding with what there is", "error", err)
	}
	c.fault = err
}

// settings returns those of the connection.
func (c *Cluster) settings() (cluster.Config, error) {
	k := &c.Config
	o := nats.GetDefaultOptions()
	o.Servers, o.User, o.Password, o.Token = k.URLs, k.User, k.Password, k.Token
	if k.Credentials != "" {
		if err := nats.UserCredentials(k.Credentials)(&o); err != nil {
			return cluster.Config{}, err
		}
	}
	var err error
	if o.TLSConfig, err = k.TLSConfig(); err != nil {
		return cluster.Config{}, err
	}
	o.Secure = o.TLSConfig != nil
	o.ReconnectWait = min(k.Heartbeat, nats.DefaultReconnectWait)
	o.ReconnectJitter = o.ReconnectWait / 2
	s := cluster.Config{
		Cluster: k.Name, Gateway: k.Gateway, NATS: o, Seed: []byte(k.Secret), Policy: c.Policy,
		Heartbeat: k.Heartbeat, Prepare: k.Prepare, Replicas: k.Replicas, First: firstRevision, Logger: c.Log,
	}
	if c.Sticky != nil {
		s.Layout, s.Classes = c.Sticky.Layout(), c.Sticky.Classes
	}
	return s, nil
}

// firstRevision leaves room below it for the versions that services have before
// they are joined.
const firstRevision = 1_000_000

// leave ends the part in the cluster, and tells the others.
func (c *Cluster) leave(conn *cluster.Conn) {
	c.mu.Lock()
	for t := range c.tables {
		if t.end != nil {
			t.end()
		}
	}
	c.mu.Unlock()
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.Close(ctx); err != nil {
		c.Log.Warn("cluster: the others are not told that this gateway leaves", "error", err)
	}
}
