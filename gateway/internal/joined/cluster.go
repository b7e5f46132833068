package joined

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// Options is what a gateway joins a cluster with.
type Options struct {
	Config   config.Cluster
	Services *services.Registry // may be set later, before Follow is called
	Log      *slog.Logger

	Policy uint64            // the fingerprint of the policy of hashes
	Sticky *flowcache.Config // of the flow table; nil: there is none

	Tables     bool // the data plane needs strategies with a table
	SharesPins bool // the data plane has a table whose pins can be shared
}

// A Cluster is a gateway's part in a cluster. It is a [services.Cluster] and a
// plane.Sharer, and safe for concurrent use.
//
// The gateway works without it: until a server is reached the services are as
// they were given, and while none is within reach they stay as they are.
type Cluster struct {
	Options
	// has room for one: there is something to be joined, or shared
	news chan struct{}
	file atomic.Pointer[[]config.Service] // as the configuration has them

	mu     sync.Mutex
	conn   *cluster.Conn // nil: no server was reached yet
	fault  error         // why not
	since  time.Time     // of the beginning, until a server is reached
	groups map[string]*group
	told   string // the last differences from it
	tables map[*table]bool
	joined chan struct{} // closed and renewed when a group was joined
	last   time.Time     // when one was joined last
}

// New returns a cluster that Run joins.
func New(o Options) *Cluster {
	return &Cluster{
		Options: o, news: make(chan struct{}, 1), since: time.Now(), groups: make(map[string]*group),
		tables: make(map[*table]bool), joined: make(chan struct{}), fault: errors.New("no server was reached yet"),
	}
}

// again is how long Run waits after something failed.
const again = time.Second

// Run takes part in the cluster until ctx ends. What fails is tried again.
func (c *Cluster) Run(ctx context.Context) {
	server := c.startServer(ctx)
	if server != nil {
		defer func() {
			server.Shutdown()
			server.WaitForShutdown()
		}()
	}
	conn := c.connect(ctx)
	if conn == nil {
		return
	}
	var ending sync.WaitGroup
	defer ending.Wait()
	defer c.leave(conn)
	c.answerFlows(conn)
	ending.Go(func() { c.endDrains(ctx) })
	for ctx.Err() == nil {
		all := c.joinAll(ctx)
		c.shareAll(conn)
		if !all {
			pause(ctx, again)
			continue
		}
		select {
		case <-ctx.Done():
		case <-c.news:
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

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

// Follow takes over the services of the configuration, which are in force: it
// joins those that are new, and leaves those that are not there any more.
func (c *Cluster) Follow(list []config.Service) {
	there := make(map[string]*group, len(list))
	for i := range list { // without the lock: the services have one of their own
		if g := newGroup(c, &list[i]); g != nil {
			there[g.service] = g
		}
	}
	c.file.Store(&list)
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, g := range c.groups {
		if next := there[name]; next == nil || next.group != g.group || next.scope != g.scope {
			c.drop(g)
		}
	}
	for name, g := range there {
		if c.groups[name] == nil {
			c.groups[name] = g
		}
	}
	go c.tellDifferences()
	c.wake()
}

// wake has Run look for what is to be joined or shared.
func (c *Cluster) wake() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// drop leaves a group; c.mu is held.
func (c *Cluster) drop(g *group) {
	delete(c.groups, g.service)
	g.left = true
	if g.membership != nil {
		g.membership.Close()
	}
}

// Wait waits until all services are joined, or ctx ends.
func (c *Cluster) Wait(ctx context.Context) error {
	for {
		c.mu.Lock()
		waits, fault, more := 0, c.fault, c.joined
		for _, g := range c.groups {
			if g.membership == nil {
				waits++
			}
		}
		c.mu.Unlock()
		if waits == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if fault == nil {
				fault = fmt.Errorf("services that are not joined: %d", waits)
			}
			return fault
		case <-more:
		}
	}
}

// Heartbeats after which others are known: one of theirs, and their answer to
// the first of this gateway.
const knownAfter = 2

// Ready reports whether flows of other gateways may come here: the services are
// joined and the pins of the others are here, or it has waited for that as long
// as the configuration says. Then lacks says what is not there yet.
func (c *Cluster) Ready() (ready bool, lacks string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lacks = c.lacks()
	return lacks == "" || time.Since(c.since) > c.Config.Wait, lacks
}

// lacks says what this gateway can't do yet with flows of others; c.mu is held.
func (c *Cluster) lacks() string {
	for _, g := range c.groups {
		if g.membership == nil {
			return "service " + g.service + " is not joined"
		}
	}
	if !c.Config.Pins || len(c.tables) == 0 {
		return ""
	}
	for t := range c.tables {
		switch {
		case t.fault != nil: // it is told, and will not pass
		case t.pins == nil:
			return "pins are not shared yet"
		case len(t.pins.Missing()) > 0:
			return "the pins of " + strings.Join(t.pins.Missing(), ", ") + " are not here"
		}
	}
	if time.Since(c.last) <= knownAfter*c.Config.Heartbeat {
		return "not all gateways may be known yet"
	}
	return ""
}

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
