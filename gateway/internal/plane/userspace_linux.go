package plane

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// userspace is a plane whose packets pass through this process: it has lanes,
// and each lane has a worker of its own.
type userspace struct {
	transport transport
	seed      uint64
	flows     *tableFlows // nil: not sticky
	finder    *Finder
	start     time.Time
	stop      atomic.Bool
	workers   []*worker
	takes     bool         // what comes in is taken from the kernel
	release   func() error // its claim of the interfaces; nil: it has none
	unshare   func()       // ends the sharing of its flows; nil: nobody shares them

	mu       sync.Mutex          // of what follows, and of what workers are asked to do
	outputs  map[uint16]struct{} // all that there ever were
	services []Service           // in force
}

// A transport is how packets come into the process and leave it.
type transport interface {
	lanes() []lane

	// admit says that packets to these destinations, and no others, are to come
	// in.
	admit(prefixes []netip.Prefix) error

	close() error
}

// newUserspace makes a plane. It has a flow table of its own if c is sticky;
// with a memory, that one remembers the flows.
func newUserspace(c Config, open func(Config) (transport, error), memory Memory) (*userspace, error) {
	if c.Workers == 0 {
		c.Workers = 1
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	shared, err := placement.Placement{Seed: c.Seed}.Config(c.Fragments)
	if err != nil {
		return nil, err
	}
	shared.Routes, shared.Reset = new(engine.Routes), c.Reset
	var peek func(flowcache.Packet, *selector.View) (flowcache.Route, flowcache.Pin, bool)
	if memory != nil {
		shared.Router, peek = memory, memory.Peek
	}
	p := &userspace{start: time.Now(), seed: c.Seed, outputs: make(map[uint16]struct{})}
	if c.Sticky != nil {
		sticky := *c.Sticky
		sticky.Domain = c.Domain
		table, err := flowcache.NewTable(sticky)
		if err != nil {
			return nil, err
		}
		p.flows, shared.Flows = newTableFlows(table, c.Seed, p.now), table
		peek = p.flows.peek
	}
	p.finder = NewFinder(shared, c.ICMP, peek)
	if p.transport, err = open(c); err != nil {
		return nil, err
	}
	_, p.takes = p.transport.(interface{ takesFrames() })
	lanes := p.transport.lanes()
	var watchers []Watcher
	if c.Sharer != nil && p.flows != nil {
		now := func() time.Duration { return time.Duration(p.now()) }
		watchers, p.unshare = c.Sharer.Open(p.flows.table, now, len(lanes))
	}
	for i, l := range lanes {
		of := shared
		if watchers != nil {
			of.Router = watched{flowcache.NewSticky(p.flows.table), watchers[i]}
		}
		w := newWorker(l, engine.NewWorker(of), c.ICMP)
		w.takes = p.takes
		p.workers = append(p.workers, w)
	}
	return p, nil
}

// now is the clock of the workers and the flow table.
func (p *userspace) now() int64 { return int64(time.Since(p.start)) }

// SetOutputs implements Plane.
func (p *userspace) SetOutputs(devices map[uint16]string) (Faults, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, faults, err := Interfaces(devices)
	if err != nil {
		return nil, err
	}
	for _, w := range p.workers {
		commit := w.lane.prepare(found, faults)
		w.between(func() { commit(); w.answers.set(found) })
	}
	for output := range devices {
		p.outputs[output] = struct{}{}
	}
	return faults, nil
}

// Sync implements Plane. Members and marks are the groups' own, which workers
// look up with every burst, so that only the prefixes remain to be told them,
// if they changed.
func (p *userspace) Sync(services []Service) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.EqualFunc(p.services, services, Service.Equal) {
		return nil
	}
	routing, err := NewRouting(services, p.seed)
	if err != nil {
		return err
	}
	p.services = nil
	if err := p.transport.admit(routing.Prefixes); err != nil {
		return err
	}
	gone := groupsBut(services)
	for _, w := range p.workers {
		w.between(func() {
			routing.Apply(w.engine)
			w.engine.Counters().Forget(gone)
			w.answers.serve(routing.pings, gone)
		})
	}
	p.finder.SetRouting(routing)
	p.services = slices.Clone(services)
	return nil
}

// Run implements Plane.
func (p *userspace) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.stop.Store(false)
	defer context.AfterFunc(ctx, func() {
		p.stop.Store(true)
		for _, w := range p.workers {
			w.lane.wake()
		}
	})()
	var running sync.WaitGroup
	errs := make([]error, len(p.workers))
	p.mu.Lock()
	for i, w := range p.workers {
		w.ended = make(chan struct{})
		running.Go(func() {
			defer cancel()
			errs[i] = w.run(p)
		})
	}
	p.mu.Unlock()
	if p.flows != nil {
		p.flows.sweepUntil(ctx)
	}
	running.Wait()
	return errors.Join(errs...)
}

// Counters implements Plane.
func (p *userspace) Counters() Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := newCounters()
	for _, w := range p.workers {
		w.between(func() { w.addTo(&total, p.outputs) })
	}
	return total
}

// Mode says how packets come into the process.
func (p *userspace) Mode() string {
	if t, ok := p.transport.(interface{ mode() string }); ok {
		return t.mode()
	}
	return ""
}

// Find implements Plane.
func (p *userspace) Find(frame []byte) (Found, error) {
	found := p.finder.Find(frame)
	found.Taken = found.Here && p.takes
	return found, nil
}

// Flows implements Plane.
func (p *userspace) Flows() Flows {
	if p.flows == nil {
		return nil
	}
	return p.flows
}

// Close implements Plane.
func (p *userspace) Close() error {
	if p.unshare != nil {
		p.unshare()
	}
	err := p.transport.close()
	if p.release != nil {
		err = errors.Join(err, p.release())
	}
	return err
}

// newClaiming is newUserspace for a plane that other gateways are to keep off.
func newClaiming(c Config, open func(Config) (transport, error)) (Plane, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	release, err := Claim(c.In)
	if err != nil {
		return nil, err
	}
	p, err := newUserspace(c, open, nil)
	if err != nil {
		return nil, errors.Join(err, release())
	}
	p.release = release
	return p, nil
}
