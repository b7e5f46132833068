package engine

import (
	"errors"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// MaxBurst is the number of frames that a worker takes through its stages at a
// time.
const MaxBurst = 64

// Config is what the workers of one router have in common.
type Config struct {
	Routes *Routes           // required
	Hasher hash.HeaderHasher // nil: the five-tuple by NewMix(0), the quickest
	Flows  *flowcache.Table  // nil: no stickiness; else of the domain of the groups
	Router Router            // in place of Flows: another memory of flows

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
	RouteBatch(dst []flowcache.Route, packets []flowcache.Packet, now int64)
}

// A Worker forwards bursts of frames. It belongs to one goroutine; any number
// of workers can share a Config, and groups may change while they work. Burst
// allocates nothing, but for a counter when a worker first meets a member.
type Worker struct {
	routes    *Routes
	recent    [recent]destination
	hasher    hash.HeaderHasher
	flows     Router
	fragments *flowcache.Fragments
	strays    *flowcache.Strays // nil: none is held
	resets    bool
	counters  Counters
	replies   []reply

	// Of the burst at hand, without the frames that are dropped early. They
	// live here since they would escape to the heap.
	headers [MaxBurst]hash.Headers
	snaps   [MaxBurst]*selector.Snapshot[Adjacency]
	index   [MaxBurst]int // in the caller's burst
	hashes  [MaxBurst]uint64
	packets [MaxBurst]flowcache.Packet
	routed  [MaxBurst]flowcache.Route
	touched byte // the sum of the first bytes of the frames, so that they are read

	released [MaxBurst][]byte
}

// NewWorker returns a worker.
func NewWorker(c Config) *Worker {
	w := &Worker{routes: c.Routes, hasher: c.Hasher, flows: stateless{}, fragments: c.Fragments, resets: c.Reset}
	w.replies = make([]reply, 0, MaxBurst)
	if c.Fragments != nil && c.Hold {
		w.strays = flowcache.NewStrays(c.Fragments)
	}
	if c.Hasher == nil {
		w.hasher = hash.Policy{Hasher: hash.NewMix(0)}
	}
	switch {
	case c.Router != nil:
		w.flows = c.Router
	case c.Flows != nil:
		w.flows = flowcache.NewSticky(c.Flows)
	}
	return w
}

// SetRoutes replaces the routes. Like Burst, it is called by the goroutine that
// the worker belongs to.
func (w *Worker) SetRoutes(r *Routes) { w.routes, w.recent = r, [recent]destination{} }

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
	for at := 0; at < len(frames); at += MaxBurst {
		end := min(at+MaxBurst, len(frames))
		w.receive(frames[at:end])
		w.forward(dst[at:end], frames[at:end], at, now)
	}
}

// forward takes a burst through all stages. first is its place among the frames
// that the caller gave.
func (w *Worker) forward(dst []Decision, frames [][]byte, first int, now time.Duration) {
	n := 0
	for i, frame := range frames {
		h := &w.headers[n]
		group, drop := w.classify(frame, h)
		if drop == 0 && (h.FragFirst || h.FragLater) {
			drop = w.follow(frame, h, now)
		}
		if drop != 0 {
			dst[i] = w.drop(drop)
			continue
		}
		w.index[n], w.snaps[n] = i, group.Load()
		n++
	}
	w.hasher.HashHeaders(w.hashes[:n], w.headers[:n], nil)
	for i := range n {
		w.packets[i].Set(w.snaps[i].View(), &w.headers[i], w.hashes[i])
	}
	w.flows.RouteBatch(w.routed[:n], w.packets[:n], int64(now))
	for i, r := range w.routed[:n] {
		at := w.index[i]
		if r.Member < 0 {
			dst[at] = w.drop(NoMember)
			continue
		}
		if r.Verdict == flowcache.Moved && w.resets && resettable(w.headers[i].TCPFlags) {
			dst[at] = w.answer(i, frames[at], first+at, now)
			continue
		}
		hop := w.snaps[i].At(int(r.Member))
		rewrite(frames[at], int(w.headers[i].L3Offset), hop)
		w.counters.sent(hop.Output, frames[at])
		d := &dst[at]
		d.Hop, d.Verdict, d.Drop = hop, r.Verdict, 0
	}
}

// receive counts the frames of a burst and touches each. They may be cold, and
// thus the cache misses overlap.
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

// classify parses a frame and finds its group, or why it is dropped.
func (w *Worker) classify(frame []byte, h *hash.Headers) (*Group, Drop) {
	if err := hash.Parse(frame, h); err != nil {
		if errors.Is(err, hash.ErrNotIP) {
			return nil, NotIP
		}
		return nil, Damaged
	}
	if h.Encapsulated { // labels and sessions are not for this engine
		return nil, NotIP
	}
	group := w.lookup(frame, h)
	if group == nil {
		return nil, NoRoute
	}
	if lifetime(frame[h.L3Offset:]) <= 1 {
		return nil, Expired
	}
	return group, 0
}

// drop counts a frame that goes nowhere. One that is held will go somewhere.
func (w *Worker) drop(reason Drop) Decision {
	if reason != Held {
		w.counters.dropped[reason]++
	}
	return Decision{Drop: reason, Verdict: flowcache.NoMember}
}

// answer resets the session of the i-th packet. To the flow table, the reset
// closes the flow, so that a new session is placed anew.
func (w *Worker) answer(i int, frame []byte, to int, now time.Duration) Decision {
	w.packets[i].Flags = hash.RST
	w.flows.RouteBatch(w.routed[i:i+1], w.packets[i:i+1], int64(now))
	r := reply{to, reset(frame, &w.headers[i])}
	w.replies = append(w.replies, r)
	w.counters.Replies.add(r.frame)
	d := w.drop(Answered)
	d.Verdict = flowcache.Moved
	return d
}
