package engine

import (
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// MaxBurst is the number of frames that a worker takes through its stages at a
// time: one bit each in a word.
const MaxBurst = 64

// Config is what the workers of one router have in common.
type Config struct {
	Routes *Routes          // required
	Policy hash.Policy      // without a Hasher: by NewMix(0), the quickest
	Flows  *flowcache.Table // nil: no stickiness; else of the domain of the groups
	Router Router           // in place of Flows: another memory of flows

	// Listeners are served apart from the rest of what is for their addresses;
	// nil: there are none.
	Listeners *Listeners

	// Keyings are how the flows of some groups are told apart; nil: all are by
	// Policy.
	Keyings map[*Group]*Keying

	// Fragments let the fragments of a datagram follow their flow. If it is
	// nil, they go where the selector places their addresses.
	Fragments *flowcache.Fragments

	// Hold has workers hold fragments that come before the first one of their
	// datagram, as [flowcache.Strays] does: the caller calls [Worker.Release]
	// to get them back. Without it they go where the selector places their
	// addresses.
	Hold bool

	// Reset answers the first packet of a TCP session whose member is gone by a
	// reset, so that its sender can open a new session at once. Without it, or
	// if it is a fragment, the packet goes to the flow's new member.
	Reset bool
}

// A Router finds the members of packets, as a [flowcache.Sticky] does. It
// belongs to one worker, or is safe for concurrent use.
type Router interface {
	RouteBatch(dst []flowcache.Route, packets []flowcache.Packet, views []*selector.View, now time.Duration)
}

// A Worker forwards bursts of frames. It belongs to one goroutine; any number
// of workers can share a Config, and groups may change while they work. Burst
// allocates nothing, but for a counter when a worker first meets a member, or
// first drops a frame for a group.
type Worker struct {
	routes    *Routes
	listeners *Listeners
	listening []destination // those of the listeners, by number
	keyings   map[*Group]*keyed
	recent    destinations
	policy    hash.Policy
	reader    *hash.Reader
	router    Router
	fragments *flowcache.Fragments
	strays    *flowcache.Strays // nil: none is held
	answered  flowcache.Verdict // of packets that a reset may answer
	counters  Counters
	replies   []reply

	// Of the burst at hand. What is of one packet lives here too, since it
	// would escape to the heap.
	flows    [MaxBurst]hash.Flow
	packets  [MaxBurst]flowcache.Packet
	routed   [MaxBurst]flowcache.Route
	released [MaxBurst][]byte
	header   [1]hash.Headers
	frame    [1][]byte
	hash     [1]uint64
	touched  byte // the sum of the first bytes of the frames, so that they are read

	// The groups of the burst at hand, each once. A packet's Ref is the place
	// of its group.
	burst  uint32 // counts bursts
	refs   int
	groups [MaxBurst]*Group
	snaps  [MaxBurst]*selector.Snapshot[Adjacency]
	views  [MaxBurst]*selector.View
}

// NewWorker returns a worker.
func NewWorker(c Config) *Worker {
	w := &Worker{
		policy: c.Policy, router: stateless{}, fragments: c.Fragments,
		answered: flowcache.NoMember, // of no packet that has a member
		replies:  make([]reply, 0, MaxBurst),
	}
	if w.policy.Hasher == nil {
		w.policy.Hasher = hash.NewMix(0)
	}
	w.reader = w.policy.Reader()
	if c.Fragments != nil && c.Hold {
		w.strays = flowcache.NewStrays(c.Fragments)
	}
	if c.Reset {
		w.answered = flowcache.Moved
	}
	switch {
	case c.Router != nil:
		w.router = c.Router
	case c.Flows != nil:
		w.router = flowcache.NewSticky(c.Flows)
	}
	w.SetListeners(c.Listeners)
	w.SetRoutes(c.Routes)
	w.SetKeyings(c.Keyings)
	return w
}

// SetRoutes replaces the routes. Like Burst, it is called by the goroutine that
// the worker belongs to.
func (w *Worker) SetRoutes(r *Routes) {
	w.routes = r
	w.recent.forget()
	clear(w.groups[:])
	clear(w.snaps[:])
	clear(w.views[:])
}

// SetListeners replaces the listeners; nil: there are none. Like Burst, it is
// called by the goroutine that the worker belongs to.
func (w *Worker) SetListeners(l *Listeners) {
	w.listeners, w.listening = l, nil
	if l != nil {
		w.listening = make([]destination, len(l.groups))
		for i, g := range l.groups {
			w.listening[i].lead(g, w.keyings)
		}
	}
	w.SetRoutes(w.routes)
}

// Counters returns what the worker has seen. They belong to the worker: read
// them between bursts.
func (w *Worker) Counters() *Counters { return &w.counters }

// Burst decides where frames go, Ethernet frames with or without VLAN tags, and
// rewrites those that go somewhere in place: MAC addresses, TTL or hop limit,
// IPv4 checksum. dst[i] is for frames[i]; it panics if dst is shorter than
// frames. now is the time of the caller's clock, which must not run backwards.
func (w *Worker) Burst(dst []Decision, frames [][]byte, now time.Duration) {
	dst = dst[:len(frames):len(dst)]
	w.replies = w.replies[:0]
	for first := 0; first < len(frames); first += MaxBurst {
		end := min(first+MaxBurst, len(frames))
		w.receive(frames[first:end])
		w.decide(dst[first:end], frames[first:end], first, now)
	}
}

// receive counts the frames of a burst and touches each. They may be cold, and
// thus the cache misses overlap. Inlined, its loop would keep everything in
// memory.
//
//go:noinline
func (w *Worker) receive(frames [][]byte) {
	size, first := 0, byte(0)
	for _, frame := range frames {
		size += len(frame)
		if len(frame) > 0 {
			first += frame[0]
		}
	}
	w.counters.In.Frames += uint64(len(frames))
	w.counters.In.Bytes += uint64(size)
	w.touched = first
}

// decide takes a burst through all stages. Most packets are plain, and done by
// loops without calls: a call, however seldom it is made, has the compiler keep
// in memory what lives across it. Each loop returns the set of the others,
// which are treated after it. first is the place of the burst among the frames
// that the caller gave.
func (w *Worker) decide(dst []Decision, frames [][]byte, first int, now time.Duration) {
	n := len(frames)
	w.reader.Read(w.flows[:n], frames)
	decided := uint64(0)
	if others := w.lookup(frames); others != 0 {
		decided = w.lookupOthers(dst, frames, others, now)
	}
	w.load()
	w.router.RouteBatch(w.routed[:n], w.packets[:n], w.views[:w.refs], now)
	if others := w.send(dst, frames) &^ decided; others != 0 {
		w.sendOthers(dst, frames, others, first, now)
	}
}

// drop counts a frame that goes nowhere. One that is held will go somewhere.
func (w *Worker) drop(reason Drop) Decision {
	if reason != Held {
		w.counters.dropped[reason]++
	}
	return Decision{Drop: reason, Verdict: flowcache.NoMember}
}

// dropFor counts packet i, which has a group and goes nowhere.
func (w *Worker) dropFor(i int, reason Drop) Decision {
	w.counters.droppedFor(w.groups[w.packets[i].Ref], reason)
	return w.drop(reason)
}
