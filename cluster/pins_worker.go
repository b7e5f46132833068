package cluster

import (
	"sync/atomic"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A PinsWorker takes from one worker of the packet path what it placed while
// gateways have different views of a group. It belongs to that worker. It holds
// 4,096 flows that were not collected yet, about a millisecond's worth; what
// comes when it is full is dropped and counted, and found by a scan some
// seconds later. Nothing here waits, locks or allocates.
type PinsWorker struct {
	open    atomic.Bool // somebody wants to know
	dropped atomic.Uint64

	_    [48]byte
	head atomic.Uint64 // written by the worker
	_    [56]byte
	tail atomic.Uint64 // written by the collector
	_    [56]byte
	ring [ringSize]placedFlow
}

const ringSize = 4096

// A placedFlow is a flow that was placed just now.
type placedFlow struct {
	digest, salt uint64
	slot         selector.Slot
}

// Routed tells what came of a burst: call it after [flowcache.Sticky.RouteBatch]
// with the same arguments. Most of the time it does nothing but look whether
// anybody wants to know.
func (w *PinsWorker) Routed(routes []flowcache.Route, packets []flowcache.Packet, views []*selector.View) {
	if !w.open.Load() {
		return
	}
	for i := range packets {
		if v := routes[i].Verdict; v == flowcache.Placed || v == flowcache.Moved {
			w.put(&packets[i], views[packets[i].Ref], routes[i].Member)
		}
	}
}

func (w *PinsWorker) put(p *flowcache.Packet, v *selector.View, member int32) {
	head := w.head.Load()
	if head-w.tail.Load() == ringSize {
		w.dropped.Add(1)
		return
	}
	w.ring[head%ringSize] = placedFlow{p.Digest, v.Salt(), v.Slot(member)}
	w.head.Store(head + 1)
}

// next returns the flow that waits longest, for the collector.
func (w *PinsWorker) next() (f placedFlow, ok bool) {
	tail := w.tail.Load()
	if tail == w.head.Load() {
		return f, false
	}
	f = w.ring[tail%ringSize]
	w.tail.Store(tail + 1)
	return f, true
}
