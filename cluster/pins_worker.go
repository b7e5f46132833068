package cluster

import (
	"sync/atomic"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A PinsWorker takes from one worker of the packet path what it placed while
// gateways have different views of a group, and which connections began anew
// while other gateways have a pin of one with the same five-tuple. It belongs to
// that worker. It holds 4,096 flows that were not collected yet, about a
// millisecond's worth; what comes when it is full is dropped and counted, and
// found by a scan some seconds later. Nothing here waits, locks or allocates.
type PinsWorker struct {
	open    atomic.Bool // somebody wants to know
	dropped atomic.Uint64
	roll    *roll

	_    [40]byte
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
	anew         bool // other gateways have a pin of the connection before
	adopted      bool // it is a connection that goes on
}

// Routed tells what came of a burst: call it after [flowcache.Sticky.RouteBatch]
// with the same arguments. It looks at packets that placed their flow, and at no
// others; and at none while nobody has pins that deviate.
func (w *PinsWorker) Routed(routes []flowcache.Route, packets []flowcache.Packet, views []*selector.View) {
	open := w.open.Load()
	if !open && !w.roll.written.Load() {
		return
	}
	for i := range packets {
		if v := routes[i].Verdict; v == flowcache.Placed || v == flowcache.Moved {
			w.put(&packets[i], views[packets[i].Ref], &routes[i], open)
		}
	}
}

func (w *PinsWorker) put(p *flowcache.Packet, v *selector.View, r *flowcache.Route, open bool) {
	slot := v.Slot(r.Member)
	anew := r.Verdict == flowcache.Placed && w.roll.hasElsewhere(p.Digest, slot)
	if !open && !anew {
		return
	}
	head := w.head.Load()
	if head-w.tail.Load() == ringSize {
		w.dropped.Add(1)
		return
	}
	adopted := p.Flags&hash.ACK != 0 && p.Flags&(hash.SYN|hash.FIN|hash.RST) == 0
	w.ring[head%ringSize] = placedFlow{p.Digest, v.Salt(), slot, anew, adopted}
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
