package cluster

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// An instant is a moment by the clock of the table's workers and by that of the
// world.
type instant struct {
	now  time.Duration
	wall int64 // Unix time in ns
}

// A sharer is Pins without clock, network and goroutine: it is told what comes
// and how late it is, and says what to send. One goroutine at a time may call
// it. It looks at the flow table as any reader does, and writes to it by a
// Sticky of its own, never by that of a worker.
type sharer struct {
	names    subjects
	table    *flowcache.Table
	importer *flowcache.Sticky
	signer   *signer
	agreed   agreement
	started  int64
	shares   [flowcache.States]bool // the states that are kept alive elsewhere by leases
	batch    int                    // pins a message
	skew     time.Duration
	maxHeld  int

	send     func(subject string, data []byte)
	expected func(group string) []string // other gateways that are in a group
	denied   func(subject string) bool   // the servers don't let this gateway publish there
	workers  func() []*PinsWorker

	groups   []*shared
	left     map[string]*shared // groups that are shared no more: their numbers go on
	peers    map[string]*pinsPeer
	order    []*pinsPeer // the same, by name
	memory   *memory
	unsent   bool // a message did not leave here
	waits    bool // what seems lost may have come, and waits for a scan
	held     []heldPin
	waiting  []preparation
	free     []*batch
	counters *pinsCounters
	message  pinsMessage
	out      []byte
	turn     int // whose scan is next
}

// A shared is a group whose pins are shared.
type shared struct {
	name, scope, token string
	mode               Sharing
	view               func() *selector.View
	sequences          map[string]uint64        // by receiver
	members            map[string]time.Duration // other gateways in the group, and since when

	scans      []*scan // to be sent to all; the first one may be under way
	answers    []*scan // to be sent to one gateway
	lastScan   uint64
	complete   uint32 // buckets up to which the last scan is sent
	recent     [recentScans]scan
	nextBeat   time.Duration
	beatWait   time.Duration
	leases     []lease
	young      []youngScan
	marks      markWatch
	nextAll    time.Duration
	lastAll    time.Duration
	transition transition
}

// table clocks count whole ticks: a pin that seems a tick old may be nearly two.
func (s *sharer) tick() time.Duration { return time.Duration(s.agreed.tick) }

// agree returns what this gateway shares pins by.
func agree(s *signer, t *flowcache.Table, policy uint64) agreement {
	c := t.Config()
	h := sha256.New()
	h.Write(fmt.Append(nil, c.Probation, c.EstablishedTCP, c.Established, c.Closing, c.PromoteAfter, c.DownGrace))
	for _, class := range c.Classes {
		h.Write(fmt.Appendf(nil, "\n%q %d %t", class.Name, class.Idle, class.Sure))
	}
	return agreement{
		check: s.check(policy), classes: binary.LittleEndian.Uint64(h.Sum(nil)),
		tick: uint64(c.Tick), layout: t.Layout(),
	}
}

// differs names the first thing in which another gateway is not as this one.
func (a *agreement) differs(gateway string, b *agreement) error {
	refused := func(field string, here, there any) error {
		return &RefusedError{Gateway: gateway, Field: field, Here: fmt.Sprint(here), There: fmt.Sprint(there)}
	}
	switch {
	case a.layout.Buckets != b.layout.Buckets:
		return refused("buckets", a.layout.Buckets, b.layout.Buckets)
	case a.layout.Form != b.layout.Form:
		return refused("form", a.layout.Form, b.layout.Form)
	case a.tick != b.tick:
		return refused("tick", time.Duration(a.tick), time.Duration(b.tick))
	case a.classes != b.classes:
		return &RefusedError{Gateway: gateway, Field: "classes or timeouts"}
	case a.check != b.check:
		return &RefusedError{Gateway: gateway, Field: "policy"}
	}
	return nil
}

// add has the pins of a group shared from now on.
func (s *sharer) add(g *shared, at instant, phase func(period time.Duration) time.Duration) {
	g.token = scopeToken(g.scope)
	g.sequences, g.members = make(map[string]uint64), make(map[string]time.Duration)
	g.lastScan, g.complete = firstScan-1, uint32(s.agreed.layout.Buckets)
	before := s.left[g.name]
	if now := s.group(g.name); now != nil { // it is removed later
		before = now
	}
	if before != nil {
		g.sequences, g.lastScan = before.sequences, before.lastScan
		g.transition.messages = before.transition.messages
	}
	g.nextBeat, g.beatWait = at.now, longBeat
	g.marks.next, g.nextAll, g.lastAll = at.now, at.now, at.now
	g.leases = s.leasesFrom(at.now, phase)
	s.groups = append(s.groups, g)
}

// remove ends the sharing of a group.
func (s *sharer) remove(gone *shared) {
	for _, w := range s.waiting {
		if w.group == gone {
			w.done()
		}
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(w preparation) bool { return w.group == gone })
	s.held = slices.DeleteFunc(s.held, func(h heldPin) bool { return h.group == gone })
	s.groups = slices.DeleteFunc(s.groups, func(g *shared) bool { return g == gone })
	if s.left == nil {
		s.left = make(map[string]*shared)
	}
	s.left[gone.name], gone.scans, gone.answers = gone, nil, nil
	s.turn = 0
	s.openRings()
}

func (s *sharer) group(name string) *shared {
	for _, g := range s.groups {
		if g.name == name {
			return g
		}
	}
	return nil
}

// begin begins a message about a group. An empty receiver stands for all.
func (s *sharer) begin(g *shared, kind messageKind, receiver string, c span, placed uint64, at instant) []byte {
	g.sequences[receiver]++
	return appendHeader(s.out[:0], &pinsHeader{
		kind: kind, started: s.started, sent: at.wall, sequence: g.sequences[receiver], agreed: s.agreed,
		version: g.view().Version(), scan: c.scan, from: c.from, to: c.to,
		plan: g.transition.sentPlan, planScan: g.transition.sentScan, placed: placed,
		sender: s.names.gateway, receiver: receiver, scope: g.scope, group: g.name,
	})
}

// finish sends a message.
func (s *sharer) finish(subject string, m []byte) {
	m = append(m, s.signer.code(m)...)
	s.out = m
	s.counters.count(sentMessages, 1)
	s.counters.count(sentBytes, len(m))
	s.send(subject, m)
}

// step does what is due, a little at a time, and returns when to call it again:
// at once if that is not after now.
func (s *sharer) step(at instant) (next time.Duration) {
	next = at.now + time.Second
	sooner := func(t time.Duration) { next = min(next, t) }
	if s.unsent {
		s.memory.forget()
		s.unsent = false
	}
	s.memory.turnOver(at.now)
	remembers := s.memory.enterLater(at.now)
	s.collectPlaced(at)
	for _, g := range s.groups {
		sooner(s.dueScans(g, at))
		sooner(s.dueBeat(g, at))
		if g.transition.open() {
			sooner(at.now + collectEvery)
		}
	}
	if !s.waits {
		sooner(s.dueAsks(at))
	}
	if s.advanceScans(at) || remembers {
		next = at.now
	}
	s.reportPrepared(at)
	s.expireHeld(at)
	s.expirePeers(at)
	return next
}
