package flowcache

import (
	"math"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// Sticky routes packets over a table. Each worker has one of its own; all of
// them may share the table.
type Sticky struct {
	table *Table

	now     moment        // of the last packet
	tickEnd time.Duration // when that tick ends
	tick    int64
	time    time.Duration

	assigned int32 // the member that Assign has chosen, -1 outside of it
	pressure pressure
	tally    tally

	// Of the burst at hand: what match finds, and buckets that are on their
	// way. On the stack they would be cleared each time.
	found   [wide]uint64
	buckets [wide]*bucket
}

// NewSticky returns a router over the table, for one worker.
func NewSticky(t *Table) *Sticky { return &Sticky{table: t, tickEnd: math.MinInt64, assigned: -1} }

// at sets the clock. It remembers the last tick, since a division for each
// packet would be felt.
func (s *Sticky) at(now time.Duration) {
	s.time = now
	if !s.inTick(now) {
		s.advance(now)
	}
}

// inTick reports whether now is in the tick of the last packet.
func (s *Sticky) inTick(now time.Duration) bool {
	return uint64(s.tickEnd-1-now) < uint64(s.table.clocks.tick)
}

func (s *Sticky) advance(now time.Duration) {
	k := &s.table.clocks
	s.tick = k.tickAt(now)
	s.tickEnd = time.Duration(s.tick+1) * k.tick
	s.now = k.moment(s.tick)
	s.table.note(s.tick)
}

// Route routes one packet of the group with view v at time now, which is
// counted from any moment, by a clock that does not run backwards. Packet.Ref
// is not looked at. Each flow whose member left is reported as Moved once.
func (s *Sticky) Route(p Packet, v *selector.View, now time.Duration) Route {
	// Nothing is called before a bucket is asked for: what lives across a call
	// would come from memory after it.
	t := s.table
	if s.inTick(now) && p.Mode != Skip && v.Domain() == t.config.Domain {
		tag, home := tagOf(p.Digest), t.home(p.Digest)
		w := t.buckets[home].match(tag)
		if w == 0 {
			w = t.buckets[t.away(tag, home)].match(tag)
		}
		if member, ok := s.hit(p.Flags, v, w); ok {
			return Route{member, Pinned}
		}
	}
	return s.routeAlone(p, v, now)
}

// routeAlone is Route for a packet that is no hit. It takes a copy, so that one
// that is a hit stays in registers.
func (s *Sticky) routeAlone(p Packet, v *selector.View, now time.Duration) Route {
	s.at(now)
	if p.Mode == Skip {
		return Route{-1, NoMember}
	}
	r := s.route(&p, v)
	s.table.counters.add(&s.tally)
	return r
}

// RouteBatch routes a burst at time now: dst[i] is the route of p[i], a packet
// of the group with view views[p[i].Ref], as if they were routed one after
// another. The views are loaded once a burst. A packet whose view is of another
// domain than the table is routed by the view alone, and counted.
//
// It panics if dst is shorter than p. It allocates nothing.
func (s *Sticky) RouteBatch(dst []Route, p []Packet, views []*selector.View, now time.Duration) {
	dst = dst[:len(p):len(dst)]
	s.at(now)
	if s.foreign(views) {
		for i := range p {
			dst[i] = s.routeOne(&p[i], views)
		}
		p = nil
	}
	for len(p) > wide {
		s.burst(dst[:wide], p[:wide], views)
		dst, p = dst[wide:], p[wide:]
	}
	if len(p) > 0 {
		s.burst(dst, p, views)
	}
	s.table.counters.add(&s.tally)
}

// foreign reports whether a view is of another domain than the table.
func (s *Sticky) foreign(views []*selector.View) bool {
	domain := s.table.config.Domain
	for _, v := range views {
		if v.Domain() != domain {
			return true
		}
	}
	return false
}

// routeOne routes a packet of a burst by itself.
func (s *Sticky) routeOne(p *Packet, views []*selector.View) Route {
	if p.Mode == Skip {
		return Route{-1, NoMember}
	}
	return s.route(p, views[p.Ref])
}

// route routes a packet without a look at what most packets are.
func (s *Sticky) route(p *Packet, v *selector.View) Route {
	if v.Domain() != s.table.config.Domain {
		s.tally[foreign]++
		return p.selected(v, Unpinned)
	}
	for {
		at, w := s.table.findIn(tagOf(p.Digest), s.table.home(p.Digest))
		if r, ok := s.follow(p, v, at, w); ok {
			return r
		}
	}
}
