package plane

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A Lasting is a plane that outlives what it runs on: where its plane can't go
// on, since an interface that packets come in by was removed, it makes another
// one as soon as there can be one, and gives it the outputs, the services and
// the flows of the one before. Its counters go on.
type Lasting struct {
	kind   Kind
	sticky bool
	log    *slog.Logger
	anew   chan struct{} // has room for one: make another plane

	scans sync.RWMutex // held by who reads flows, without mu; written to close a plane

	mu       sync.Mutex
	config   Config
	seed     uint64 // of the plane that there is, or was last
	plane    Plane  // nil: there can be none, now
	fault    error  // why it does not run
	devices  map[uint16]string
	cannot   Faults // what was said of interfaces from outside
	behind   bool   // a new plane has faults of outputs that nobody was told of
	services []Service
	flows    []byte    // of the plane before, if there is none now
	before   Counters  // of the planes before
	flowsNow FlowStats // of the plane before, if there is none now
	flowsWas FlowStats // of the planes before
	released []Release
}

// Last returns a plane of a kind, and the next ones. It is no error that an
// interface is not there yet, or down where the kind needs it to be up: Run
// waits for it. Where the process lacks a capability, the error is a
// [*CapabilityError].
func Last(k Kind, c Config, log *slog.Logger) (*Lasting, error) {
	p := &Lasting{kind: k, config: c, seed: c.Seed, sticky: c.Sticky != nil, log: log, anew: make(chan struct{}, 1)}
	plane, err := p.open()
	if err != nil && !errors.Is(err, ErrNoInterface) && !errors.Is(err, syscall.ENETDOWN) {
		return nil, err
	}
	p.plane, p.fault = plane, err
	return p, nil
}

func (p *Lasting) open() (Plane, error) {
	plane, err := p.kind.New(p.config)
	return plane, p.kind.explain(err)
}

// SetSeed has Run make another plane whose hash has this seed. Pins know flows
// by their hash, so that none of them is of use to it: they are neither saved
// nor counted, which would take the longer the more there are. Nothing is
// forwarded from the end of the old plane until the new one is there, some
// milliseconds to some hundred of them. The old one is closed first, since both
// need the same interfaces. Where the new one can't be made, Fault says why, and
// Run tries again once a second: the old one, and the old seed, don't come back.
func (p *Lasting) SetSeed(seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.config.Seed == seed {
		return
	}
	p.config.Seed = seed
	p.Renew()
}

// Fault says why nothing is forwarded while Run runs; nil if that is not so. It
// is [ErrAnew] for the moment in which a plane follows another one.
func (p *Lasting) Fault() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// Mode says how the plane that there is receives; empty: there is none, or it
// has one way only.
func (p *Lasting) Mode() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, ok := p.plane.(interface{ Mode() string }); ok {
		return m.Mode()
	}
	return ""
}

// Renew has Run make another plane, now: something that a plane is made of
// changed, such as the MAC address of an interface, or came back.
func (p *Lasting) Renew() {
	select {
	case p.anew <- struct{}{}:
	default:
	}
}

// How often Run tries to make a plane.
const tries = time.Second

// Run implements Plane. It ends with ctx alone.
func (p *Lasting) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if p.plane == nil { // which Run alone changes
			select {
			case <-ctx.Done():
				return nil
			case <-p.anew:
			case <-time.After(tries):
			}
			p.begin()
			continue
		}
		err := p.runOnce(ctx)
		if ctx.Err() != nil {
			return err
		}
		p.end(err)
	}
	return nil
}

// runOnce runs the plane until it fails, ctx ends, or it is to be made anew.
func (p *Lasting) runOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.anew:
			cancel()
		case <-ctx.Done():
		}
	}()
	return p.plane.Run(ctx)
}

// end takes down the plane, and keeps what the next one is to know.
func (p *Lasting) end(fault error) {
	p.scans.Lock()
	defer p.scans.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if fault == nil {
		fault = ErrAnew
		p.Renew() // at once, and not after a while
	}
	p.log.Warn("the data plane is made anew", "because", fault)
	p.fault = fault
	if f := p.plane.Flows(); f != nil {
		p.flows, p.flowsNow = p.keep(f)
		p.flowsWas = p.flowsWas.plus(p.flowsNow)
	}
	p.before = p.before.plus(p.plane.Counters())
	if n := p.before.Fragments.Waiting; n > 0 {
		p.before.Dropped["data plane made anew"] += n
	}
	_ = p.plane.Close() // what can't be closed is gone
	p.plane = nil
}

// reseeded reports whether flows are of another seed than those of the next plane.
func (p *Lasting) reseeded() bool { return p.seed != p.config.Seed }

// keep returns what is kept of the flows of a plane that ends: pins of a seed
// that is no more are not even counted.
func (p *Lasting) keep(f Flows) (saved []byte, stats FlowStats) {
	if quick, ok := f.(interface{ Counts() FlowStats }); ok && p.reseeded() {
		return nil, quick.Counts()
	}
	if p.reseeded() {
		stats = f.Stats()
		stats.Flows = 0
		return nil, stats
	}
	var b bytes.Buffer
	if err := f.Save(&b); err != nil {
		p.log.Error("flows are lost", "error", err)
		b.Reset()
	}
	return b.Bytes(), f.Stats()
}

// ErrAnew is the fault of a plane that is just being made anew, since something
// that it is made of changed.
var ErrAnew = errors.New("plane: being made anew")

// begin makes the plane, if there can be one.
func (p *Lasting) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, err := p.open()
	if err == nil {
		var faults Faults
		faults, err = next.SetOutputs(p.devices)
		p.behind = len(faults) > 0
		if err == nil && len(p.released) > 0 { // before Sync, which then has them in force at once
			err = next.Flows().Release(p.released)
		}
		if err == nil && p.services != nil {
			err = next.Sync(p.services)
		}
		if err != nil {
			_ = next.Close()
		}
	}
	if err != nil {
		if p.fault == nil || p.fault.Error() != err.Error() {
			p.log.Error("there is no data plane", "error", err)
		}
		p.fault = err
		return
	}
	if p.reseeded() {
		p.flows = nil
	}
	if len(p.flows) > 0 {
		groups := make([]*engine.Group, len(p.services))
		for i, s := range p.services {
			groups[i] = s.Group
		}
		if err := next.Flows().Restore(bytes.NewReader(p.flows), groups...); err != nil {
			p.log.Error("flows are lost", "error", err)
		}
		again := next.Flows().Stats().Placed // which were counted when they were new
		p.flowsWas.Placed -= min(again, p.flowsWas.Placed)
	}
	p.plane, p.fault, p.flows, p.seed = next, nil, nil, p.config.Seed
	p.log.Info("there is a data plane again")
}

// SetOutputs implements Plane.
func (p *Lasting) SetOutputs(devices map[uint16]string) (Faults, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plane != nil {
		faults, err := p.plane.SetOutputs(devices)
		if err != nil {
			return faults, err
		}
		p.devices = maps.Clone(devices)
		return p.withCannot(faults), nil
	}
	_, faults, err := Interfaces(devices)
	if err == nil {
		p.devices = maps.Clone(devices)
	}
	return p.withCannot(faults), err
}

// SetCannot says by which interfaces nothing reaches members, though the plane
// would send by them: the driver drops it, and no plane sees that. They are
// faults of each call of SetOutputs from now on. It reports whether SetOutputs has
// other faults than it said last: by these, or since a new plane could not open
// what the one before could.
func (p *Lasting) SetCannot(cannot Faults) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	same := maps.EqualFunc(p.cannot, cannot, func(a, b error) bool { return a.Error() == b.Error() })
	changed = !same || p.behind
	p.cannot, p.behind = maps.Clone(cannot), false
	return changed
}

func (p *Lasting) withCannot(faults Faults) Faults {
	used := make(map[string]bool, len(p.devices))
	for _, name := range p.devices {
		used[name] = true
	}
	for name, err := range p.cannot {
		if used[name] && faults != nil && faults[name] == nil {
			faults[name] = err
		}
	}
	return faults
}

// Sync implements Plane.
func (p *Lasting) Sync(services []Service) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plane != nil {
		if err := p.plane.Sync(services); err != nil {
			return err
		}
	}
	p.services = slices.Clone(services)
	p.before.forget(groupsBut(services))
	return nil
}

// Counters implements Plane.
func (p *Lasting) Counters() Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plane == nil {
		return p.before.plus(Counters{})
	}
	return p.before.plus(p.plane.Counters())
}

// Find implements Plane.
func (p *Lasting) Find(frame []byte) (Found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plane == nil {
		return Found{}, p.fault
	}
	return p.plane.Find(frame)
}

// Flows implements Plane.
func (p *Lasting) Flows() Flows {
	if !p.sticky {
		return nil
	}
	return lastingFlows{p}
}

// Close implements Plane.
func (p *Lasting) Close() error {
	p.scans.Lock()
	defer p.scans.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plane == nil {
		return nil
	}
	return p.plane.Close()
}
