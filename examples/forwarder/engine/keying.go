package engine

import (
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// A Keying is how the flows of a group are told apart, where that is in another
// way than by [Config.Policy]. A packet of such a group is read a second time.
type Keying struct {
	Policy hash.Policy

	// Aggregate says that a flow is all that one client sends, or that one
	// tunnel carries: the flags of TCP say nothing of it, and it is of Class
	// whatever its protocol is.
	Aggregate bool
	Class     flowcache.Class
}

// A keyed is a Keying of a worker.
type keyed struct {
	*Keying
	reader *hash.Reader
}

// SetKeyings replaces the keyings of groups; those that have none go by the
// policy of the worker. Groups whose flows are told apart alike may share one.
// Like Burst, it is called by the goroutine that the worker belongs to.
func (w *Worker) SetKeyings(keyings map[*Group]*Keying) {
	w.keyings = make(map[*Group]*keyed, len(keyings))
	of := make(map[*Keying]*keyed)
	for g, k := range keyings {
		if of[k] == nil {
			of[k] = &keyed{k, k.Policy.Reader()}
		}
		w.keyings[g] = of[k]
	}
	w.SetListeners(w.listeners)
}

// rehash has packet i be of the flow that it is by the keying of its
// destination, if that has one. If the packet is a fragment, h is what its
// datagram said, and w.header has it.
func (w *Worker) rehash(i int, frame []byte, d *destination, h *hash.Headers) {
	f := &w.flows[i]
	policy := &w.policy
	if k := d.keyed; k != nil {
		policy = &k.Policy
		whole := f.Kind
		w.frame[0] = frame
		k.reader.Read(w.flows[i:i+1], w.frame[:])
		if h == &w.header[0] {
			f.Kind = f.Kind&^hash.LookupOnly | whole&hash.LookupOnly
		}
	}
	if h == &w.header[0] {
		w.frame[0] = frame
		policy.HashHeaders(w.hash[:], w.header[:], w.frame[:])
		f.Hash = w.hash[0]
	}
}

// aggregate has a packet be one of many connections.
func (k *keyed) aggregate(p *flowcache.Packet) {
	if k != nil && k.Aggregate {
		p.Flags, p.Class = 0, k.Class
	}
}
