package flowcache

import (
	"sync/atomic"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A Packet is what Sticky needs to know of a packet.
type Packet struct {
	Digest uint64         // which flow this is: a 64-bit hash of its key, salted by its group
	Hash   uint64         // where a selector places it
	View   *selector.View // of its group, loaded once a burst; never nil, and of the table's domain
	Flags  hash.TCPFlags  // of a TCP packet, if Digest tells its connection from all others; else 0
	Proto  uint8          // IP protocol number

	// LookupOnly is for packets that belong to a flow but are not its own: they go where its pin says, and neither make nor
	// refresh nor promote nor close one.
	LookupOnly bool
}

// NewPacket returns the packet that h describes, of a flow whose key has the given hash. ICMP errors and fragments are
// LookupOnly.
//
// The hash serves as the digest too, so it must be a good one of 64 bits: not a device's 32-bit hash, beside which the caller
// computes a Digest of its own. If the key is coarser than a connection, the caller sets Flags to 0, lest one connection's FIN
// close the pin of all.
func NewPacket(v *selector.View, h *hash.Headers, hash64 uint64) Packet {
	return Packet{
		Digest:     hash64 ^ v.Salt(),
		Hash:       hash64,
		View:       v,
		Flags:      h.TCPFlags,
		Proto:      h.Proto,
		LookupOnly: h.ICMPError || h.FragFirst || h.FragLater,
	}
}

// A Verdict says how a packet got its member.
type Verdict uint8

const (
	Pinned   Verdict = iota // the flow's pin said so
	Placed                  // a new flow: the selector said so, and it is pinned now
	Moved                   // the flow's member left, or was down for longer than the grace: selected anew, and pinned there
	Detoured                // the flow's member is down: selected anew for this packet alone
	Unpinned                // the selector said so, and there is no pin: LookupOnly, a view that is not the latest, or a member without slot
	Refused                 // a new flow for which the table had no room: the selector said so
	NoMember                // the group has no member that can take the flow
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Pinned:
		return "pinned"
	case Placed:
		return "placed"
	case Moved:
		return "moved"
	case Detoured:
		return "detoured"
	case Unpinned:
		return "unpinned"
	case Refused:
		return "refused"
	case NoMember:
		return "no member"
	}
	return "invalid"
}

// A Route is where a packet goes: the index of a member in its view, and why. Member is -1 if and only if Verdict is NoMember.
type Route struct {
	Member  int32
	Verdict Verdict
}

// Sticky routes packets over a table. Each worker has one of its own; all of them may share the table.
type Sticky struct {
	table *Table
}

// NewSticky returns a router over the table, for one worker.
func NewSticky(t *Table) *Sticky { return &Sticky{table: t} }

// RouteBatch routes a burst at time now: dst[i] is the route of p[i]. It panics if dst is shorter than p. It allocates
// nothing.
func (s *Sticky) RouteBatch(dst []Route, p []Packet, now int64) {
	dst = dst[:len(p):len(dst)]
	t := s.table
	tick := t.tickAt(now)
	const ahead = 32 // how many cache misses are kept in flight
	for len(p) > 0 {
		n := min(ahead, len(p))
		for i := range p[:n] {
			t.buckets[t.home(p[i].Digest)][0].Load()
		}
		for i := range p[:n] {
			dst[i] = t.route(&p[i], tick)
		}
		dst, p = dst[n:], p[n:]
	}
}

// Route routes one packet at time now, in nanoseconds. Each flow whose member left is reported as Moved once.
func (s *Sticky) Route(p *Packet, now int64) Route {
	return s.table.route(p, s.table.tickAt(now))
}

func (t *Table) route(p *Packet, now uint32) Route {
	for {
		at, w := t.find(p.Digest)
		if r, ok := t.follow(p, at, w, now); ok {
			return r
		}
	}
}

// follow routes a packet whose pin is w, at place at. ok is false if another worker changed the pin meanwhile.
func (t *Table) follow(p *Packet, at *atomic.Uint64, w word, now uint32) (r Route, ok bool) {
	if w == 0 || t.expired(w, now) {
		return t.place(p, at, w, now)
	}
	v := p.View
	i, known := v.BySlot(w.slot())
	switch {
	case !known && (p.LookupOnly || !v.Latest()): // the word was loaded before: it may be newer than the view
		return p.selected(Unpinned), true
	case !known:
		return t.repin(p, at, w, now, Moved)
	case !v.Alive(i):
		if !p.LookupOnly && w.age(now) > t.downGrace {
			return t.repin(p, at, w, now, Moved)
		}
		t.counters.detoured.Add(1)
		return p.selected(Detoured), true
	case p.LookupOnly:
		return Route{int32(i), Pinned}, true
	case w.state() == closing && p.opens():
		return t.repin(p, at, w, now, Placed)
	}
	next := t.touch(w, p, now)
	if next != w && !at.CompareAndSwap(uint64(w), uint64(next)) {
		return Route{}, false
	}
	if w.state() == probation && next.state() != probation {
		t.counters.promoted.Add(1)
	}
	return Route{int32(i), Pinned}, true
}

// selected is the route that the selector gives, for a packet that leaves the table as it is.
func (p *Packet) selected(v Verdict) Route {
	m := p.View.Select(p.Hash)
	if m < 0 {
		v = NoMember
	}
	return Route{int32(m), v}
}

// place routes and pins a flow that has no pin, or an expired one, w.
func (t *Table) place(p *Packet, at *atomic.Uint64, w word, now uint32) (r Route, ok bool) {
	switch {
	case p.LookupOnly:
		return p.selected(Unpinned), true
	case w != 0:
		return t.repin(p, at, w, now, Placed)
	}
	r = p.selected(Placed)
	if r.Verdict == NoMember {
		return r, true
	}
	slot := p.View.Slot(int(r.Member))
	if slot == selector.NoSlot {
		r.Verdict = Unpinned
		return r, true
	}
	inserted, lost := t.insert(p.Digest, newWord(tagOf(p.Digest), slot, now, probation), now)
	if !inserted {
		r.Verdict = Refused
	}
	return r, !lost
}

// repin selects a member anew for a flow and puts its new pin in the place of the old one, w. Without a member the old pin
// stays, to tell later that the flow moved; a member without slot can't be pinned, and the old pin goes.
func (t *Table) repin(p *Packet, at *atomic.Uint64, w word, now uint32, verdict Verdict) (r Route, ok bool) {
	r = p.selected(verdict)
	if r.Verdict == NoMember {
		return r, true
	}
	next := word(0)
	if slot := p.View.Slot(int(r.Member)); slot != selector.NoSlot {
		next = newWord(w.tag(), slot, now, probation)
	} else if verdict == Placed {
		r.Verdict = Unpinned
	}
	if !at.CompareAndSwap(uint64(w), uint64(next)) {
		return Route{}, false
	}
	if verdict == Moved {
		t.counters.moved.Add(1)
	}
	return r, true
}
