package cluster

import (
	"math"
	"slices"
	"time"
)

const (
	// A gap is asked for after the time in which messages overtake each other,
	// and then at growing intervals, until the answer is complete.
	askAfter = 5 * time.Millisecond
	askAgain = 50 * time.Millisecond
	askMost  = 2 * time.Second

	maxGaps = 256 // of each gateway and group; with more, all is asked for

	shortBeat = 20 * time.Millisecond // after a scan
	longBeat  = time.Second
)

// A gap is a range that did not come.
type gap struct {
	span
	retry
}

// A retry says when to ask next.
type retry struct{ due, wait time.Duration }

func retryFrom(now time.Duration) retry { return retry{now + askAfter, askAgain} }

func (r *retry) asked(now time.Duration) {
	r.due = now + r.wait
	r.wait = min(2*r.wait, askMost)
}

// flowing returns when to ask for the rest of what was asked for, of which a
// part comes now: the rest is behind it.
func (r retry) flowing(now time.Duration) retry {
	if r.wait > askAgain { // it was asked for
		r.due = max(r.due, now+askAgain)
	}
	return r
}

// A coverage is what is known of a gateway's scans of a group: each covers all
// buckets in order, so that what did not come is known by what did.
type coverage struct {
	buckets uint32
	scan    uint64 // the newest one, 0 before the first
	high    uint32 // the buckets below came, or are gaps
	gaps    []gap
}

// took notes that a range came.
func (c *coverage) took(r span, now time.Duration) {
	c.reached(r.scan, r.from, now)
	if r.scan == c.scan {
		c.high = max(c.high, r.to)
	}
	c.fill(r, now)
}

// reached notes that a scan came as far as a bucket.
func (c *coverage) reached(scan uint64, bucket uint32, now time.Duration) {
	if scan < max(c.scan, firstScan) {
		return
	}
	if scan > c.scan {
		if c.scan != 0 {
			c.miss(span{c.scan, c.high, c.buckets}, now)
			for n := max(c.scan+1, scan-min(scan, recentScans)); n < scan; n++ {
				c.miss(span{n, 0, c.buckets}, now)
			}
		}
		c.scan, c.high = scan, 0
	}
	c.miss(span{scan, c.high, bucket}, now)
	c.high = max(c.high, bucket)
}

// begin begins with a gateway that was not heard of before, whose newest scan
// came as far as a bucket; 0 if that is not known.
func (c *coverage) begin(scan uint64, bucket uint32, all bool, now time.Duration) {
	c.scan, c.high = scan, bucket
	want := uint64(scanSeen)
	if all {
		want = scanAll
	}
	c.miss(span{want, 0, c.buckets}, now)
}

func (c *coverage) miss(r span, now time.Duration) {
	if r.from >= r.to {
		return
	}
	if len(c.gaps) >= maxGaps {
		c.missAll(now)
		return
	}
	c.gaps = append(c.gaps, gap{r, retryFrom(now)})
}

// missAll makes one gap of all of them.
func (c *coverage) missAll(now time.Duration) {
	c.gaps = append(c.gaps[:0], gap{span{scanAll, 0, c.buckets}, retryFrom(now)})
}

// fill takes a range from the gaps.
func (c *coverage) fill(r span, now time.Duration) {
	var rest []gap
	c.gaps = slices.DeleteFunc(c.gaps, func(g gap) bool {
		if g.scan != r.scan || r.to <= g.from || r.from >= g.to {
			return false
		}
		if g.from < r.from {
			rest = append(rest, gap{span{g.scan, g.from, r.from}, g.retry})
		}
		if r.to < g.to {
			rest = append(rest, gap{span{g.scan, r.to, g.to}, g.flowing(now)})
		}
		return true
	})
	c.gaps = append(c.gaps, rest...)
	if len(c.gaps) > maxGaps {
		c.missAll(now)
	}
}

// ended reports whether the end of a scan came, or something after it.
func (c *coverage) ended(scan uint64) bool {
	return scan < c.scan || scan == c.scan && c.high == c.buckets
}

// covered reports whether all of a scan came.
func (c *coverage) covered(scan uint64) bool {
	return c.ended(scan) && !slices.ContainsFunc(c.gaps, func(g gap) bool {
		return g.scan == scan || g.scan == scanAll
	})
}

// A lostPlaced is the number of a message about placed flows that did not come.
type lostPlaced struct {
	number uint64
	retry
}

// dueAsks asks for what did not come, and returns when to ask again.
func (s *sharer) dueAsks(at instant) (next time.Duration) {
	next = math.MaxInt64
	for _, p := range s.order {
		for _, g := range s.groups {
			if of := p.groups[g.name]; of != nil {
				next = min(next, s.ask(p, g, of, at))
			}
		}
	}
	return next
}

func (s *sharer) ask(p *pinsPeer, g *shared, of *peerGroup, at instant) (next time.Duration) {
	var spans []span
	var lost []uint64
	next = math.MaxInt64
	due := func(r *retry) (is bool) {
		if is = at.now >= r.due; is {
			r.asked(at.now)
		}
		next = min(next, r.due)
		return is
	}
	// What the sender does not keep any more is in what all is.
	gone := func(l lostPlaced) bool { return l.wait == askMost }
	if slices.ContainsFunc(of.lost, gone) {
		of.lost = slices.DeleteFunc(of.lost, gone)
		of.cover.missAll(at.now)
	}
	for i := range of.cover.gaps {
		if due(&of.cover.gaps[i].retry) {
			spans = append(spans, of.cover.gaps[i].span)
		}
	}
	for i := range of.lost {
		if due(&of.lost[i].retry) {
			lost = append(lost, of.lost[i].number)
		}
	}
	if len(spans)+len(lost) > 0 {
		s.counters.count(asks, 1)
		m := s.begin(g, kindAsk, p.name, span{g.lastScan, g.complete, g.complete}, g.transition.messages, at)
		s.finish(s.names.ask(p.name), appendAsk(m, spans, lost))
	}
	return next
}

// dueBeat says how far the scans are, behind what they found: soon after a scan
// and then once a second.
func (s *sharer) dueBeat(g *shared, at instant) (next time.Duration) {
	if at.now < g.nextBeat {
		return g.nextBeat
	}
	s.noteMembers(g, at)
	m := s.begin(g, kindBeat, "", span{g.lastScan, g.complete, g.complete}, g.transition.messages, at)
	s.finish(s.names.toAll(g.token), m)
	g.nextBeat = at.now + g.beatWait
	g.beatWait = min(2*g.beatWait, longBeat)
	return g.nextBeat
}
