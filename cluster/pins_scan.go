package cluster

import (
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
)

// The scans that gateways ask for beside those with a number. Numbers count
// from firstScan.
const (
	scanAll   = 0 // all that deviates
	scanSeen  = 1 // of that, what had a packet within a quarter of its timeout
	firstScan = 2
)

const (
	// sliceBuckets is how many buckets a step scans: some hundred thousand pins
	// at most, about a millisecond. Others wait for what a scan finds, so that it
	// goes before what comes meanwhile.
	sliceBuckets = 1 << 14

	// recentScans is how many scans a gateway remembers, not what they found but
	// what they looked for, so that it can scan a range again.
	recentScans = 16

	maxAnswers = 1024 // that wait, of each group
)

type scanKind uint8

const (
	scanOfChange scanKind = iota
	scanOfPlan
	scanOfYoung
	scanOfLease
	scanOfAll
)

// A scan looks for pins in a range of buckets, and sends them.
type scan struct {
	id       uint64
	kind     scanKind
	spec     flowcache.Scan
	states   uint16 // bits of the states that are wanted
	receiver string // empty: all
	plan     uint64
	begun    time.Duration
	again    bool // a range that got lost: what was told since it began is sent

	from, to int // what is left
	sent     int // up to which bucket messages tell
	batch    *batch
}

// unsent returns the first bucket of which no message tells yet.
func (n *scan) unsent() int {
	if n.batch == nil {
		return n.from
	}
	return n.sent
}

// request queues a scan for all gateways. What waits already and finds the same
// is taken instead.
func (g *shared) request(n *scan) {
	for _, waits := range g.scans {
		if waits.kind != n.kind || waits.batch != nil {
			continue
		}
		switch n.kind {
		case scanOfChange: // all that changed since the older one
			switch {
			case waits.spec.Since == nil && n.spec.Since == nil:
				waits.spec.MaxAge = max(waits.spec.MaxAge, n.spec.MaxAge)
			case waits.spec.Since == nil:
				waits.spec = n.spec
			}
		case scanOfPlan:
			*waits = *n
		default:
			waits.spec.MaxAge = max(waits.spec.MaxAge, n.spec.MaxAge)
			waits.states |= n.states
		}
		return
	}
	g.scans = append(g.scans, n)
}

// advanceScans scans a little of what waits, and reports whether more does.
func (s *sharer) advanceScans(at instant) (more bool) {
	n := len(s.groups)
	for range n {
		s.turn = (s.turn + 1) % n
		g := s.groups[s.turn]
		if len(g.answers) == 0 && len(g.scans) == 0 {
			continue
		}
		if len(g.answers) > 0 && s.advance(g, g.answers[0], at) {
			g.answers = slices.Delete(g.answers, 0, 1)
		}
		if len(g.scans) > 0 {
			if g.scans[0].batch == nil {
				s.start(g, g.scans[0], at)
			}
			if s.advance(g, g.scans[0], at) {
				s.completed(g, g.scans[0], at)
				g.scans = slices.Delete(g.scans, 0, 1)
			}
		}
		break
	}
	for _, g := range s.groups {
		more = more || len(g.answers) > 0 || len(g.scans) > 0
	}
	return more
}

// scansForChange reports whether a scan for a change that is made or planned is
// under way.
func (s *sharer) scansForChange() bool {
	return slices.ContainsFunc(s.groups, func(g *shared) bool {
		return len(g.scans) > 0 && g.scans[0].batch != nil && g.scans[0].kind <= scanOfPlan
	})
}

// start gives a scan its number and the newest view.
func (s *sharer) start(g *shared, n *scan, at instant) {
	g.lastScan++
	g.complete = 0
	n.id, n.begun, n.to = g.lastScan, at.now, s.agreed.layout.Buckets
	n.spec.View = g.view()
	if n.kind == scanOfPlan {
		n.spec.Since = n.spec.View
	}
	g.recent[n.id%recentScans] = *n
	s.counters.count(scans, 1)
}

// completed is called when the last message of a scan is sent.
func (s *sharer) completed(g *shared, n *scan, at instant) {
	g.complete = uint32(s.agreed.layout.Buckets)
	if n.kind == scanOfPlan && n.plan == g.transition.plan {
		g.transition.sentPlan, g.transition.sentScan = n.plan, n.id
	}
	g.nextBeat, g.beatWait = at.now, shortBeat
}

// advance scans the next buckets, and reports whether they were the last ones.
func (s *sharer) advance(g *shared, n *scan, at instant) (done bool) {
	if n.batch == nil {
		n.batch, n.sent = s.newBatch(), n.from
		s.memory.enterAll()
	}
	s.memory.enterHeard()
	spec := n.spec
	spec.From, spec.To = n.from, min(n.from+sliceBuckets, n.to)
	for p := range s.table.Deviating(spec, at.now) {
		if n.states>>p.State&1 == 0 || !s.sends(n, &p, at) {
			continue
		}
		if bucket := p.Key.Bucket(); n.batch.count >= s.batch && uint32(bucket) != n.batch.last {
			s.sendBatch(g, n, bucket, at)
		}
		n.batch.add(p, spec.View)
	}
	if n.from = spec.To; n.from < n.to {
		return false
	}
	s.sendBatch(g, n, n.to, at)
	s.free = append(s.free, n.batch)
	n.batch = nil
	return true
}

// sends reports whether a scan sends a pin that it found. A lease is told of
// whatever others know.
func (s *sharer) sends(n *scan, p *flowcache.Pin, at instant) bool {
	switch {
	case n.spec.All:
		return true
	case n.again:
		return s.memory.wasTold(p, n.begun, at.now)
	case n.receiver != "": // it has nothing yet
		return true
	}
	return s.memory.isNews(p, n.kind == scanOfLease, at.now)
}

// sendBatch sends what a scan found up to a bucket.
func (s *sharer) sendBatch(g *shared, n *scan, to int, at instant) {
	m := s.begin(g, kindPins, n.receiver, span{n.id, uint32(n.sent), uint32(to)}, g.transition.messages, at)
	s.counters.count(sentPins, n.batch.count)
	if n.receiver != "" {
		s.counters.count(sentAgain, n.batch.count)
	}
	m = n.batch.appendTo(m)
	subject := s.names.toAll(g.token)
	if n.receiver != "" {
		subject = s.names.toOne(g.token, n.receiver)
	} else {
		g.complete = uint32(to)
	}
	n.sent = to
	s.finish(subject, m)
}

func (s *sharer) newBatch() *batch {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b
	}
	return newBatch(s.table)
}

// answer queues a scan of a range for a gateway that asked.
func (s *sharer) answer(g *shared, receiver string, c span, at instant) {
	n := &scan{
		id: c.scan, receiver: receiver, from: int(c.from), to: int(c.to),
		states: s.wantedStates(),
		spec:   flowcache.Scan{View: g.view(), Seen: c.scan == scanSeen, All: g.mode == ShareAll},
	}
	if g.mode == ShareAll {
		n.states = s.sharedStates()
	}
	if was := &g.recent[c.scan%recentScans]; was.id == c.scan && c.scan >= firstScan {
		n.spec, n.states, n.begun, n.again = was.spec, was.states, was.begun, true
		if n.spec.MaxAge != 0 {
			n.spec.MaxAge += at.now - was.begun + s.tick()
		}
	}
	for _, o := range g.answers { // what is still to be sent is not sent twice
		if o.id == n.id && o.receiver == n.receiver && n.to <= o.to {
			n.to = min(n.to, max(n.from, o.unsent()))
		}
	}
	switch {
	case n.from == n.to:
	case len(g.answers) >= maxAnswers:
		s.counters.count(droppedAsks, 1)
	default:
		g.answers = append(g.answers, n)
	}
}
