// Package health asks members whether they serve: by a TCP connection, by HTTP,
// or by a datagram that a closed port answers by ICMP. The asking goes to the
// member's own address, past the services, or to an address of the service by
// the member's link, as what clients send does.
//
// A thousand members asked each second take some tenth of a core by TCP, and
// some two tenths by HTTP, most of it in the kernel: go test -bench . measures it.
package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A Check is how a member is asked.
type Check struct {
	By       By
	Port     uint16
	Path     string // of an HTTP request
	Interval time.Duration
	Timeout  time.Duration // at most Interval
	// so many answers, one after the other, change what is thought of it
	Failures, Successes int
	ToVIP               bool // it is asked by an address of the service
}

// A Target is a member to be asked.
type Target struct {
	Service, Member string
	Addr            netip.Addr // that is asked
	Check

	// Of one that is asked by an address of the service: the member's link, and
	// its end of that. Not valid: the kernel's route leads to Addr.
	Dev string
	Via netip.Addr
	MAC engine.MAC // that was given; zero: the kernel asks Via for it
}

// A Checker asks its targets, each in a goroutine of its own.
type Checker struct {
	ctx    context.Context //nolint:containedctx // its goroutines end with it
	report func(Target, error)
	mark   func(Target) (uint32, error)
	probes *probes
	by     func(context.Context, Target) error // probes.ask
	wait   sync.WaitGroup

	mu      sync.Mutex
	running map[Target]context.CancelFunc
}

// New returns a Checker without targets. It reports what has become of one: an
// error when it does not serve any more, and nil when it does again. What is found
// first of a target is reported in either case. Reports come from several
// goroutines, none after Wait has returned.
//
// What is sent to a target with a Via has a mark, by which the kernel leads it
// there. An error of mark says that it does not: such a target is not asked, and
// what is thought of it stays.
func New(ctx context.Context, report func(Target, error), mark func(Target) (uint32, error)) *Checker {
	c := &Checker{
		ctx: ctx, report: report, mark: mark, probes: newProbes(),
		running: make(map[Target]context.CancelFunc),
	}
	c.by = c.probes.ask
	return c
}

// Set says who is asked from now on. One that was before is not begun anew. It
// is for one goroutine at a time, and does not wait for those that end.
func (c *Checker) Set(targets []Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := make(map[Target]bool, len(targets))
	for _, t := range targets {
		wanted[t] = true
		if c.running[t] != nil || c.ctx.Err() != nil {
			continue
		}
		ctx, cancel := context.WithCancel(c.ctx)
		c.running[t] = cancel
		c.wait.Go(func() { c.ask(ctx, t) })
	}
	for t, cancel := range c.running {
		if !wanted[t] {
			cancel()
			delete(c.running, t)
		}
	}
}

// Wait returns when nobody is asked any more, after the context has ended.
func (c *Checker) Wait() {
	c.wait.Wait()
	c.probes.close()
}

// ask asks one target until ctx ends. The first time is anywhere in an
// interval, and each interval is a little longer or shorter, so that targets
// are not asked all at once.
func (c *Checker) ask(ctx context.Context, t Target) {
	by := c.by
	if t.Via.IsValid() {
		marked := newProbes() // whose connections are to this member
		defer marked.close()
		by = func(ctx context.Context, t Target) error {
			mark, err := c.mark(t)
			if err != nil {
				return errNotAsked
			}
			marked.mark.Store(mark)
			return marked.ask(ctx, t)
		}
	}
	timer := time.NewTimer(rand.N(t.Interval))
	defer timer.Stop()
	for v := (verdict{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		asked := time.Now()
		err := by(ctx, t)
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, errNotAsked) && v.turns(err, &t.Check) {
			c.report(t, err)
		}
		const jitter = 20 // of the interval, one part of so many either way
		next := t.Interval + rand.N(t.Interval/jitter*2+1) - t.Interval/jitter
		timer.Reset(max(0, next-time.Since(asked)))
	}
}

var errNotAsked = errors.New("nothing leads there")

// A verdict is what is thought of a target.
type verdict struct {
	known, serves bool
	last          bool // the last answer was that it serves
	row           int  // so many answers in a row were that
}

// turns takes an answer into account, and reports whether it changes the
// verdict, or makes the first one.
func (v *verdict) turns(err error, c *Check) bool {
	if now := err == nil; now != v.last {
		v.last, v.row = now, 0
	}
	v.row++
	enough := c.Failures
	if v.last {
		enough = c.Successes
	}
	if v.row < enough || v.known && v.serves == v.last {
		return false
	}
	v.known, v.serves = true, v.last
	return true
}
