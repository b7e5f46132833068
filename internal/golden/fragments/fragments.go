// Package fragments is a slow, obviously right model of flowcache.Fragments and
// flowcache.Strays, for tests: a map of datagrams without a limit, and a list
// of those that wait.
package fragments

import (
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/hash"
)

// A Datagram is what the fragments of one have in common.
type Datagram struct {
	Flow hash.FlowKey // without ports and flow label
	ID   uint32
}

// Ports are those of a first fragment: source and destination.
type Ports [2]uint16

const (
	tick = 1 << 30 // nanoseconds
	life = 28      // ticks
)

// Memory is what the workers of a router share.
type Memory struct{ firsts map[Datagram]first }

type first struct {
	ports Ports
	tick  time.Duration
}

// NewMemory returns an empty memory.
func NewMemory() *Memory { return &Memory{make(map[Datagram]first)} }

// First takes note of a first fragment. One that is too short for ports has
// none.
func (m *Memory) First(d Datagram, p Ports, now time.Duration) {
	m.firsts[d] = first{p, now / tick}
}

// Ports returns the ports of a datagram, if its first fragment came within its
// life.
func (m *Memory) Ports(d Datagram, now time.Duration) (Ports, bool) {
	f, ok := m.firsts[d]
	if !ok || now/tick-f.tick >= life {
		return Ports{}, false
	}
	return f.ports, true
}

// A Worker holds fragments that came before their first one.
type Worker struct {
	memory  *Memory
	hold    time.Duration
	limit   int // datagrams that may wait
	places  int // for fragments, used in turn: those behind the oldest held are free
	held    int // so far
	waiting []*datagram
}

type datagram struct {
	Datagram
	since     time.Duration
	fragments []fragment
}

type fragment struct {
	ref uint64
	n   int // how many were held before
}

// NewWorker returns a worker whose strays wait for so long, at which so many
// datagrams may wait, and which has so many places for fragments.
func NewWorker(m *Memory, hold time.Duration, limit, places int) *Worker {
	return &Worker{memory: m, hold: hold, limit: limit, places: places}
}

// Hold keeps a fragment, unless all places are taken.
func (w *Worker) Hold(d Datagram, ref uint64, now time.Duration) bool {
	if w.used() == w.places {
		return false
	}
	f := fragment{ref, w.held}
	w.held++
	for _, other := range w.waiting {
		if other.Datagram == d {
			other.fragments = append(other.fragments, f)
			return true
		}
	}
	w.waiting = append(w.waiting, &datagram{d, now, []fragment{f}})
	return true
}

// used returns how many places are taken.
func (w *Worker) used() (n int) {
	for _, d := range w.waiting {
		n = max(n, w.held-d.fragments[0].n)
	}
	return n
}

// Release returns the fragments that wait no longer, in the order in which they
// go: those whose first fragment came, and then the oldest ones, as far as they
// have waited long enough or have to make room.
func (w *Worker) Release(now time.Duration) (refs []uint64) {
	w.waiting = slices.DeleteFunc(w.waiting, func(d *datagram) bool {
		_, ok := w.memory.Ports(d.Datagram, now)
		if ok {
			refs = append(refs, d.refs()...)
		}
		return ok
	})
	for len(w.waiting) > 0 {
		oldest := w.waiting[0]
		if len(w.waiting) <= w.limit && w.used() <= w.places*3/4 && now-oldest.since < w.hold {
			break
		}
		refs = append(refs, oldest.refs()...)
		w.waiting = w.waiting[1:]
	}
	return refs
}

func (d *datagram) refs() (refs []uint64) {
	for _, f := range d.fragments {
		refs = append(refs, f.ref)
	}
	return refs
}

// Len returns how many fragments are held.
func (w *Worker) Len() (n int) {
	for _, d := range w.waiting {
		n += len(d.fragments)
	}
	return n
}
