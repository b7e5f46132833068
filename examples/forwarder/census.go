package main

import (
	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/hash"
)

// A census follows every flow through a play, and the session that its pod has
// of it. Pods are stateful: only the one that a session began on knows it.
// Another one that gets its packets resets it, and the client begins a new
// session there.
type census struct {
	flows  map[hash.FlowKey]*flowState
	phases []phase // of the changes so far
}

// flowState is what is known of a flow.
type flowState struct {
	member  string // where its last packet went
	session string // the pod that knows it
	seen    int    // number of changes before its last packet
	// its member before the latest change, if it was established then and not
	// yet seen since
	was string
}

// A phase is what happened between a change and the next one, or the end.
type phase struct {
	// established: they had packets before the change, since the one before it,
	// and after it
	flows int
	// of these: the first packet after the change went to another member than
	// the last one before
	moved  int
	broken int            // sessions reset by a pod that did not know them
	opened map[string]int // new flows of each member
}

// change notes that the group has changed.
func (c *census) change() {
	for _, f := range c.flows {
		f.was = ""
		if f.seen == len(c.phases) {
			f.was = f.member
		}
	}
	c.phases = append(c.phases, phase{opened: make(map[string]int)})
}

// add notes a packet.
func (c *census) add(p capture.Packet, d engine.Decision) error {
	if d.Hop == nil {
		return nil
	}
	var h hash.Headers
	if err := p.Parse(&h); err != nil {
		return err // the engine has parsed it
	}
	if h.Proto != hash.TCP && h.Proto != hash.UDP {
		return nil // neighbour discovery belongs to no session
	}
	var now *phase // nil before the first change
	if n := len(c.phases); n > 0 {
		now = &c.phases[n-1]
	}
	key, member := hash.FiveTuple.Extract(&h, nil), d.Hop.ID
	f := c.flows[key]
	if f == nil {
		f = &flowState{session: member}
		c.flows[key] = f
		if now != nil {
			now.opened[member]++
		}
	}
	if f.was != "" {
		now.flows++
		if f.was != member {
			now.moved++
		}
		f.was = ""
	}
	if begins := h.TCPFlags&(hash.SYN|hash.ACK) == hash.SYN; f.session != member {
		if !begins {
			now.broken++
		}
		f.session = member
	}
	f.member, f.seen = member, len(c.phases)
	return nil
}
