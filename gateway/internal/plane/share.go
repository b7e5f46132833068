package plane

import (
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A Sharer shares the flows of a table with other gateways. The planes of a
// [Kind] with SharesPins call it, for each table that they make.
type Sharer interface {
	// Open is told of a table, and by which clock its workers route. It returns
	// a Watcher for each worker. The plane calls end when it is closed.
	Open(t *flowcache.Table, now func() time.Duration, workers int) (watchers []Watcher, end func())
}

// A Watcher is told of each burst of a worker, after it was routed. It belongs
// to that worker, and neither waits nor allocates.
type Watcher interface {
	Routed(routes []flowcache.Route, packets []flowcache.Packet, views []*selector.View)
}

// watched is the Router of a worker that is watched.
type watched struct {
	sticky  *flowcache.Sticky
	watcher Watcher
}

// RouteBatch implements engine.Router.
func (w watched) RouteBatch(
	dst []flowcache.Route, packets []flowcache.Packet, views []*selector.View, now time.Duration,
) {
	w.sticky.RouteBatch(dst, packets, views, now)
	w.watcher.Routed(dst, packets, views)
}
