package cluster

import (
	"math"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
)

// A lease says when the pins of a state that deviate and had packets here are
// sent again, so that they don't end elsewhere: every quarter of their timeout.
type lease struct {
	state  flowcache.State
	period time.Duration
	next   time.Duration
}

// leasesFrom returns the leases of a group. Gateways begin at different times,
// as phase says.
func (s *sharer) leasesFrom(now time.Duration, phase func(period time.Duration) time.Duration) (l []lease) {
	for i, is := range s.shares {
		state := flowcache.State(i)
		if is {
			period := s.table.Timeout(state) / 4
			l = append(l, lease{state, period, now + phase(period)})
		}
	}
	return l
}

// sharedStates returns the bits of the states that are kept alive elsewhere.
func (s *sharer) sharedStates() (bits uint16) {
	for i, is := range s.shares {
		if is {
			bits |= 1 << i
		}
	}
	return bits
}

// wantedStates returns the bits of the states that are sent on a change: those,
// and of flows that may come to be so.
func (s *sharer) wantedStates() uint16 {
	return s.sharedStates() | 1<<flowcache.Probation | 1<<flowcache.Adopted
}

// A youngScan is for the pins that were promoted since a change.
type youngScan struct {
	at, maxAge time.Duration
	states     uint16
}

// A markWatch looks at the marks: flows whose member is down are pinned to
// others, and those pins deviate.
type markWatch struct {
	next    time.Duration
	down    bool
	scanned time.Duration // when the last scan for them began
}

const (
	watchEvery = 100 * time.Millisecond
	scanDown   = time.Second
	scanAllIn  = time.Second
)

// dueScans requests the scans that are due, and returns when others are.
func (s *sharer) dueScans(g *shared, at instant) (next time.Duration) {
	next = math.MaxInt64
	if g.mode == ShareAll {
		if at.now >= g.nextAll {
			g.request(&scan{kind: scanOfAll, states: s.sharedStates(),
				spec: flowcache.Scan{All: true, MaxAge: at.now - g.lastAll + 2*s.tick()}})
			g.lastAll, g.nextAll = at.now, at.now+scanAllIn
		}
		return g.nextAll
	}
	due := uint16(0)
	for i := range g.leases {
		l := &g.leases[i]
		if at.now >= l.next {
			due |= 1 << l.state
			l.next = max(l.next+l.period, at.now)
		}
		next = min(next, l.next)
	}
	if due != 0 {
		g.request(&scan{kind: scanOfLease, states: due, spec: flowcache.Scan{Seen: true}})
	}
	g.young = slices.DeleteFunc(g.young, func(y youngScan) bool {
		if at.now < y.at {
			next = min(next, y.at)
			return false
		}
		requestYoung(g, y.states, y.maxAge)
		return true
	})
	return min(next, s.watchMarks(g, at))
}

// youngStates returns the bits of the states that such scans want. Those on
// probation are left out: an imported one can't be told from one that was made
// here.
func (s *sharer) youngStates() uint16 { return s.sharedStates() | 1<<flowcache.Adopted }

// requestYoung has pins shared that a packet established or refreshed lately.
func requestYoung(g *shared, states uint16, maxAge time.Duration) {
	g.request(&scan{kind: scanOfYoung, states: states, spec: flowcache.Scan{MaxAge: maxAge}})
}

// watchMarks has flows shared that were placed while a member was down: once a
// second while it is, and when it is up again.
func (s *sharer) watchMarks(g *shared, at instant) (next time.Duration) {
	w := &g.marks
	if at.now < w.next {
		return w.next
	}
	w.next = at.now + watchEvery
	v := g.view()
	down := false
	for i := range int32(v.Len()) {
		down = down || !v.Alive(i)
	}
	switch {
	case !down && !w.down:
		w.scanned = at.now
	case !down || at.now-w.scanned >= scanDown:
		requestYoung(g, s.youngStates(), at.now-w.scanned+2*s.tick())
		w.scanned = at.now
	}
	w.down = down
	return w.next
}
