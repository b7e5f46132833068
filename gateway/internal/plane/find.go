package plane

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A Memory routes packets by the pins that it keeps of their flows. Peek tells
// what it would do, and changes nothing.
type Memory interface {
	engine.Router
	Peek(p flowcache.Packet, v *selector.View) (r flowcache.Route, pin flowcache.Pin, pinned bool)
}

// A Finder takes single frames through an engine of its own, of the same
// configuration as those of the workers, and only asks the memory of flows. So
// it can't differ from them in what a frame's service, flow or hash is. It is
// safe for concurrent use.
type Finder struct {
	mu     sync.Mutex
	engine *engine.Worker
	peek   func(flowcache.Packet, *selector.View) (flowcache.Route, flowcache.Pin, bool)
	found  Found

	answers  bool           // the workers answer pings
	pings    pings          // those
	prefixes []netip.Prefix // of all services
}

// NewFinder returns one beside workers of a configuration, which send by ICMP what
// they are to. The function peek is that of a [Memory]; nil: there is none.
func NewFinder(c engine.Config, icmp ICMP,
	peek func(flowcache.Packet, *selector.View) (flowcache.Route, flowcache.Pin, bool)) *Finder {
	if peek == nil {
		peek = forgetful
	}
	f := &Finder{peek: peek, answers: icmp.Pings > 0}
	c.Flows, c.Router, c.Fragments, c.Hold, c.Reset = nil, f, nil, false, false
	f.engine = engine.NewWorker(c)
	return f
}

// Find returns where a frame goes. It does not change the frame.
func (f *Finder) Find(frame []byte) Found {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.pings.of(frame); p != nil {
		return p.found()
	}
	f.found = Found{Placed: -1}
	var decision [1]engine.Decision
	f.engine.Burst(decision[:], [][]byte{append([]byte(nil), frame...)}, 0)
	f.found.Drop = decision[0].Drop
	if addr, ok := destination(frame); ok && f.found.Drop == engine.NoRoute {
		f.found.Here = slices.Contains(f.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
	}
	return f.found
}

// found is what becomes of a ping.
func (p *pinged) found() Found {
	g, serves := p.serving()
	f := Found{Drop: engine.NoMember, View: g.Load().View(), Placed: -1,
		Route: flowcache.Route{Member: -1, Verdict: flowcache.NoMember}}
	if serves {
		f.Drop = engine.Answered
	}
	return f
}

// SetRouting says which groups there are.
func (f *Finder) SetRouting(r Routing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.Apply(f.engine)
	if f.prefixes = r.Prefixes; f.answers {
		f.pings = r.pings
	}
}

// RouteBatch implements [engine.Router].
func (f *Finder) RouteBatch(dst []flowcache.Route, packets []flowcache.Packet, views []*selector.View,
	_ time.Duration) {
	for i, p := range packets {
		if p.Mode == flowcache.Skip {
			dst[i] = flowcache.Route{Member: -1, Verdict: flowcache.NoMember}
			continue
		}
		v := views[p.Ref]
		f.found.View, f.found.Placed = v, v.Select(p.Digest^v.Salt())
		f.found.Route, f.found.Pin, f.found.Pinned = f.peek(p, v)
		dst[i] = f.found.Route
	}
}

// forgetful is the peek of a plane that keeps no flows.
func forgetful(p flowcache.Packet, v *selector.View) (flowcache.Route, flowcache.Pin, bool) {
	r := flowcache.Route{Member: v.Select(p.Digest ^ v.Salt()), Verdict: flowcache.Unpinned}
	if r.Member < 0 {
		r.Verdict = flowcache.NoMember
	}
	return r, flowcache.Pin{}, false
}

// timeoutOf returns the timeout of a state.
func timeoutOf(c *flowcache.Config, s flowcache.State) time.Duration {
	switch s {
	case flowcache.Probation:
		return c.Probation
	case flowcache.Closing:
		return c.Closing
	case flowcache.Established:
		return c.Established
	case flowcache.Adopted, flowcache.EstablishedTCP:
		return c.EstablishedTCP
	}
	if i := int(s) - int(flowcache.EstablishedTCP) - 1; i >= 0 && i < len(c.Classes) {
		return c.Classes[i].Idle
	}
	return 0
}
