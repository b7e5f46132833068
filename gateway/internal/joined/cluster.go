package joined

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

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
