package joined

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/selector"
)

// A table is a flow table of the data plane, whose pins are shared as soon as a
// server was reached.
type table struct {
	table    *flowcache.Table
	now      func() time.Duration
	watchers []*watcher
	shared   map[*cluster.Membership]bool // of the goroutine of Run

	// of Cluster.mu
	pins   *cluster.Pins // nil: they are not shared
	fault  error         // why not
	end    context.CancelFunc
	ended  chan struct{}
	closed bool
}

// A watcher tells of the bursts of a worker, once somebody wants to know.
type watcher struct {
	worker atomic.Pointer[cluster.PinsWorker]
}

// Routed implements plane.Watcher.
func (w *watcher) Routed(routes []flowcache.Route, packets []flowcache.Packet, views []*selector.View) {
	if worker := w.worker.Load(); worker != nil {
		worker.Routed(routes, packets, views)
	}
}

// Open implements plane.Sharer. The table is shared later, by Run: who calls
// Open may hold what a change of the cluster waits for.
func (c *Cluster) Open(of *flowcache.Table, now func() time.Duration, workers int) ([]plane.Watcher, func()) {
	t := &table{table: of, now: now, shared: make(map[*cluster.Membership]bool)}
	watchers := make([]plane.Watcher, workers)
	for i := range watchers {
		w := new(watcher)
		t.watchers, watchers[i] = append(t.watchers, w), w
	}
	c.mu.Lock()
	c.tables[t] = true
	c.mu.Unlock()
	c.wake()
	return watchers, func() { c.close(t) }
}

// close returns when nobody looks at the table any more.
func (c *Cluster) close(t *table) {
	c.mu.Lock()
	delete(c.tables, t)
	t.closed = true
	end, ended := t.end, t.ended
	c.mu.Unlock()
	if end != nil {
		end()
		<-ended
	}
}

// shareAll has the pins of all tables shared, in all groups that are joined.
func (c *Cluster) shareAll(conn *cluster.Conn) {
	if !c.Config.Pins {
		return
	}
	c.mu.Lock()
	tables := slices.Collect(maps.Keys(c.tables))
	joined := make(map[*cluster.Membership]bool, len(c.groups))
	for _, g := range c.groups {
		if g.membership != nil {
			joined[g.membership] = true
		}
	}
	c.mu.Unlock()
	for _, t := range tables {
		pins := c.pinsOf(conn, t)
		if pins == nil {
			continue
		}
		for m := range t.shared {
			if !joined[m] {
				delete(t.shared, m)
				pins.Unshare(m)
			}
		}
		for m := range joined {
			if !t.shared[m] {
				t.shared[m] = true
				pins.Share(m, cluster.ShareDeviating)
			}
		}
	}
}

// pinsOf returns the pins of a table, which it begins to share; nil if they
// can't be.
func (c *Cluster) pinsOf(conn *cluster.Conn, t *table) *cluster.Pins {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.pins != nil || t.fault != nil || t.closed {
		return t.pins
	}
	pins, err := cluster.NewPins(conn, cluster.PinsConfig{Table: t.table, Now: t.now, Least: c.Config.Least})
	if err != nil {
		t.fault = err
		c.Log.Error("cluster: pins are not shared", "error", err)
		return nil
	}
	for _, w := range t.watchers {
		w.worker.Store(pins.Worker())
	}
	ctx, end := context.WithCancel(context.Background())
	t.pins, t.end, t.ended = pins, end, make(chan struct{})
	go func() {
		defer close(t.ended)
		if err := pins.Run(ctx); !errors.Is(err, context.Canceled) {
			c.Log.Error("cluster: pins are not shared any more", "error", err)
			c.mu.Lock()
			t.fault = err
			c.mu.Unlock()
		}
	}()
	return pins
}
