package engine

import (
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// A query is what is known of a packet before its group is loaded.
type query struct {
	digest     uint64
	ref        uint16 // the place of its group in the burst
	flags      hash.TCPFlags
	proto      uint8
	lookupOnly bool
}

// route finds the members of the packets of a burst that are not decided yet.
// The others have none.
func (w *Worker) route(n int, decided uint64, now time.Duration) {
	k := 0
	for i := range n {
		w.routed[i] = flowcache.Route{Member: -1, Verdict: flowcache.NoMember}
		if decided>>i&1 != 0 {
			continue
		}
		w.index[k] = i
		w.fill(&w.whole[k], &w.packets[i])
		k++
	}
	w.router.RouteBatch(w.found[:k], w.whole[:k], int64(now))
	for k, i := range w.index[:k] {
		w.routed[i] = w.found[k]
	}
}

func (w *Worker) fill(to *flowcache.Packet, p *query) {
	v := w.views[p.ref]
	to.Digest, to.Hash, to.View = p.digest, p.digest^v.Salt(), v
	to.Flags, to.Proto, to.LookupOnly = p.flags, p.proto, p.lookupOnly
}
