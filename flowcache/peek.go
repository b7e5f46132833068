package flowcache

import (
	"time"

	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/selector"
)

// Peek tells where a packet would go at time now, as [Sticky.Route] would, and
// the pin of its flow, if there is one that has not expired. It changes
// nothing: neither the table nor what Stats counts. To ask where a flow goes,
// give a packet as its next one will be, a TCP one with ACK alone: a SYN would
// begin another connection.
//
// Two things are known only once they happen, so the answer leaves them out: a
// new flow that the table has no room for is Refused, not Placed, and goes to
// the same member; and [Table.Rebalance] may move a flow.
//
// It is safe for concurrent use, takes no lock and allocates nothing.
func (t *Table) Peek(p Packet, v *selector.View, now time.Duration) (r Route, pin Pin, pinned bool) {
	if p.Mode == Skip {
		return Route{-1, NoMember}, Pin{}, false
	}
	if v.Domain() != t.config.Domain {
		return p.selected(v, Unpinned), Pin{}, false
	}
	s := Sticky{table: t, time: now, tick: t.clocks.tickAt(now), assigned: -1}
	s.now = t.clocks.moment(s.tick) // not by advance, which tells other workers
	_, w := t.find(p.Digest)
	if w == 0 || s.expired(w) {
		if p.Mode == LookupOnly {
			return p.unpinned(v), Pin{}, false
		}
		return s.wouldPin(&p, v, Placed), Pin{}, false
	}
	age := time.Duration(t.clocks.age(w, &s.now)) * t.clocks.unit(w.state())
	pin = Pin{Key{w.tag(), uint32(t.home(p.Digest))}, w.slot(), w.state(), age}
	return s.wouldFollow(&p, v, w), pin, true
}

// wouldFollow is the route that follow gives, for a pin that has not expired.
func (s *Sticky) wouldFollow(p *Packet, v *selector.View, w word) Route {
	t := s.table
	member, known := v.BySlot(w.slot())
	switch {
	case known:
	case p.Mode == LookupOnly || !v.Latest():
		return p.selected(v, Unpinned)
	case v.InScope(w.slot()):
		return s.wouldPin(p, v, Rebalanced)
	case t.awaits(w.slot(), s.tick):
		return p.selected(v, Detoured)
	default:
		return s.wouldPin(p, v, Moved)
	}
	if f := t.releases.Load().of(v, w.slot()); f != nil && v.Drained(member) {
		elapsed := s.time - f.start
		over := elapsed >= f.length
		switch {
		case over && p.Mode == LookupOnly:
			return p.selected(v, Unpinned)
		case over, p.Mode != LookupOnly && s.turn(f, p, w, elapsed):
			return s.wouldPin(p, v, Moved)
		}
	}
	alive := v.Usable(member)
	if p.Mode != LookupOnly {
		step := life.Next(life.State(w.state()), s.event(p, w), alive && v.TakesNew(member))
		if step == life.Renew {
			if r := s.wouldPin(p, v, Placed); r.Verdict != NoMember || !alive {
				return r
			}
		}
		if !alive && t.clocks.age(w, &s.now) > t.clocks.grace[w.state()] {
			return s.wouldPin(p, v, Moved)
		}
	}
	if !alive {
		return p.selected(v, Detoured)
	}
	return Route{member, Pinned}
}

// wouldPin is the route that place and repin give.
func (s *Sticky) wouldPin(p *Packet, v *selector.View, verdict Verdict) Route {
	r := s.chosen(p, v, verdict)
	if r.Verdict == Placed && s.table.slotFor(p, v, r.Member) == selector.NoSlot {
		r.Verdict = Unpinned
	}
	return r
}
