package cluster

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats.go"
)

// Pins shares with other gateways which flows are not where the selector would
// send them, so that a flow stays with its member when it enters at another
// gateway.
//
// What a gateway can compute is not sent. After a change, while a member is
// down and every quarter of a timeout, the flow table is scanned for pins whose
// member the selector would not give, and those are sent to all over core NATS,
// but for the last of these only if nobody has told of them lately.
// What does not come is asked for again, by ranges of buckets. While gateways
// have different views, flows that are placed where those differ are sent at
// once: see PinsWorker. A change that is planned comes into force when all
// gateways have the pins that it asks for.
//
// A pin that comes never moves a flow whose packets are seen here: see
// flowcache.Sticky.Import.
//
// Run does all that in one goroutine. It reads the flow table and writes to it
// by a Sticky of its own, as one more worker; the packet path never waits for
// it, whatever NATS does. Its memory is bounded: see PinsConfig. What is sent
// grows with the share of flows that deviate and with their timeouts, and a
// message holds hundreds of pins of nine to ten bytes.
//
// All methods are safe for concurrent use.
type Pins struct {
	conn     *Conn
	config   PinsConfig
	counters pinsCounters
	workers  atomic.Pointer[[]*PinsWorker]
	missing  atomic.Pointer[missingPins]

	mu     sync.Mutex
	shares map[*Membership]share
	calls  []func(at instant) // what Run is to do
	ended  bool               // Run has
	over   chan struct{}      // closed then
	wake   chan struct{}

	// of the goroutine of Run
	sharer      *sharer
	nextMissing time.Duration
}

// NewPins returns the pins of a gateway, which are shared while Run runs. The
// error is a *ConfigError.
func NewPins(c *Conn, config PinsConfig) (*Pins, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	of := c.Config()
	if of.Layout != config.Table.Layout() {
		return nil, &ConfigError{Field: "Config.Layout", Value: of.Layout, Reason: "the table has another one"}
	}
	p := &Pins{
		conn: c, config: config, shares: make(map[*Membership]share),
		wake: make(chan struct{}, 1), over: make(chan struct{}),
	}
	p.workers.Store(new([]*PinsWorker))
	p.sharer, err = newSharer(of.Cluster, of.Gateway, of.Seed, of.Policy, &p.config, time.Now().UnixNano(), &p.counters)
	if err != nil {
		return nil, err
	}
	p.sharer.expected, p.sharer.denied = p.expected, p.denied
	p.sharer.workers = func() []*PinsWorker { return *p.workers.Load() }
	p.sharer.send = p.send
	return p, nil
}

func newSharer(
	cluster, gateway string, seed []byte, policy uint64, c *PinsConfig, started int64, counters *pinsCounters,
) (*sharer, error) {
	shares, err := sharedBy(c.Table, c.Least)
	if err != nil {
		return nil, err
	}
	s := &sharer{
		names: subjects{cluster, gateway}, table: c.Table, importer: flowcache.NewSticky(c.Table),
		signer: newSigner(seed, cluster), started: started, shares: shares,
		batch: c.Batch, skew: c.Skew, maxHeld: c.Hold,
		denied: func(string) bool { return false },
		peers:  make(map[string]*pinsPeer), memory: newMemory(c.Table, shares), counters: counters,
	}
	s.agreed = agree(s.signer, c.Table, policy)
	return s, nil
}

// Share has the pins of a group shared from now on.
func (p *Pins) Share(m *Membership, mode Sharing) {
	g := &shared{name: m.View().Name(), scope: m.Scope(), mode: mode, view: m.View}
	p.mu.Lock()
	if p.ended || p.shares[m].group != nil {
		p.mu.Unlock()
		return
	}
	p.shares[m] = share{group: g}
	p.mu.Unlock()
	p.call(func(at instant) { p.sharer.add(g, at, rand.N[time.Duration]) })
	_, stop := m.Observe(&pinsObserver{p, g}) // without the lock: observers wait for it
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shares[m].group != g { // it has ended meanwhile
		stop()
		return
	}
	p.shares[m] = share{g, stop}
}

// A share is a group that is shared.
type share struct {
	group *shared
	stop  func() // ends that Pins is told of its changes; nil: that has not begun
}

func (s share) end() {
	if s.stop != nil {
		s.stop()
	}
}

// Unshare ends the sharing of a group that this gateway leaves. Its pins stay.
func (p *Pins) Unshare(m *Membership) {
	p.mu.Lock()
	s := p.shares[m]
	delete(p.shares, m)
	p.mu.Unlock()
	if s.group != nil {
		s.end()
		p.call(func(instant) { p.sharer.remove(s.group) })
	}
}

// Worker returns what one worker of the packet path tells of placed flows. Make
// one for each worker, once.
func (p *Pins) Worker() *PinsWorker {
	w := &PinsWorker{roll: p.sharer.memory.roll}
	for {
		old := p.workers.Load()
		list := append(slices.Clone(*old), w)
		if p.workers.CompareAndSwap(old, &list) {
			break
		}
	}
	p.call(func(instant) { p.sharer.openRings() })
	return w
}

// Stats returns the counters, read one after another.
func (p *Pins) Stats() PinsStats { return p.counters.stats() }

// expected returns the gateways that a plan for a group waits for, if they share
// pins.
func (p *Pins) expected(group string) (names []string) {
	c := p.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	for q := range c.peers.counted(group, time.Now()) {
		names = append(names, q.Name)
	}
	return names
}

// denied reports whether the servers refused to take a message on a subject from
// this gateway lately.
func (p *Pins) denied(subject string) bool { return p.conn.isDenied(subject, time.Now()) }

func (p *Pins) send(subject string, data []byte) {
	if err := p.conn.NATS().Publish(subject, data); err != nil {
		p.counters.count(unsentMessages, 1)
		p.sharer.unsent = true
	}
}

// call has Run do something, unless it has ended.
func (p *Pins) call(f func(at instant)) {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return
	}
	p.calls = append(p.calls, f)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run shares pins until ctx ends. The error is that of ctx, or of a
// subscription, or ErrClosed if Run has ended before: then no pins are shared
// any more, and planned changes don't wait for this gateway's.
func (p *Pins) Run(ctx context.Context) error {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	if ended {
		return ErrClosed
	}
	defer p.end()
	inbox := inbox{messages: make(chan *nats.Msg, p.config.Inbox)}
	var subscriptions []*nats.Subscription
	for _, subject := range p.sharer.names.listens() {
		s, err := p.conn.NATS().ChanSubscribe(subject, inbox.messages)
		if err != nil {
			return err
		}
		defer func() { _ = s.Unsubscribe() }()
		subscriptions = append(subscriptions, s)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	lost := 0
	for more := false; ; {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case more:
			runtime.Gosched() // workers of the packet path go first
		default:
			select {
			case <-ctx.Done():
			case m := <-inbox.messages:
				p.receive(m)
			case <-p.wake:
			case <-timer.C:
			}
		}
		inbox.take(p.sharer.scansForChange(), p.receive)
		p.sharer.waits = inbox.keeps
		p.mu.Lock()
		calls := p.calls
		p.calls = nil
		p.mu.Unlock()
		for _, f := range calls {
			f(p.instant())
		}
		at := p.instant()
		wait := p.sharer.step(at) - at.now
		if more = wait <= 0; !more {
			timer.Reset(wait)
		}
		p.noteMissing(at)
		total := 0
		for _, s := range subscriptions {
			n, _ := s.Dropped()
			total += n
		}
		p.counters.count(droppedMessages, total-lost)
		lost = total
	}
}

// end has nobody wait for Run, nor collect what it would do, nor keep the table.
func (p *Pins) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.ended, p.calls = true, nil
	for _, s := range p.shares {
		s.end()
	}
	p.shares = nil
	p.sharer.memory.roll.written.Store(false)
	close(p.over)
	for _, w := range *p.workers.Load() {
		w.open.Store(false)
	}
}

func (p *Pins) receive(m *nats.Msg) {
	if err := p.sharer.receive(m.Subject, m.Data, p.instant()); err != nil && p.config.Refused != nil {
		p.config.Refused(err)
	}
}

func (p *Pins) instant() instant { return instant{p.config.Now(), time.Now().UnixNano()} }

// A pinsObserver tells Pins what becomes of a group.
type pinsObserver struct {
	pins  *Pins
	group *shared
}

// Planned returns when the pins that a plan asks for are sent, and those of the
// other gateways are here.
func (o *pinsObserver) Planned(ctx context.Context, plan Plan) {
	done := make(chan struct{})
	s := o.pins.sharer
	o.pins.call(func(at instant) {
		if s.group(o.group.name) != o.group { // it is shared no more
			close(done)
			return
		}
		s.prepare(o.group, plan.Revision, plan.Planned, at)
		s.waiting = append(s.waiting, preparation{o.group, plan.Revision, func() { close(done) }})
	})
	select {
	case <-done:
	case <-o.pins.over:
	case <-ctx.Done():
		o.pins.call(func(instant) { s.dropPlan(o.group, plan.Revision) })
	}
}

// Changed has the table scanned for what deviates since.
func (o *pinsObserver) Changed(old, view *selector.View) {
	o.pins.call(func(at instant) {
		if s := o.pins.sharer; s.group(o.group.name) == o.group {
			s.changed(o.group, old, view, at)
		}
	})
}

// Settled ends the transition.
func (o *pinsObserver) Settled(version uint64) {
	o.pins.call(func(at instant) { o.pins.sharer.settled(o.group, version, at) })
}
