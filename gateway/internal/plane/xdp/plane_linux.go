package xdp

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// A dataPlane is the [plane.Plane] of this package: a program in the kernel,
// its maps, and a slow path.
type dataPlane struct {
	config  plane.Config
	maps    *maps
	gates   []gate
	release func() error // its claim of the interfaces
	flows   *flows       // nil without stickiness
	slow    plane.Plane
	outputs map[uint16]output // those set
	syncing sync.Mutex        // held by whoever changes state or outputs
	state   state
	tables  tables

	generation uint64 // of outputs: one more when one that stays changes

	mu      sync.Mutex
	counted map[uint16]bool // all outputs that there ever were
	served  map[*engine.Group]servedAt
}

// New returns a plane that forwards nothing yet. It and SetOutputs look for
// interfaces in the network namespace of the calling thread. The kernel spreads
// the work by the queues of the interfaces; Config.Workers counts for the slow
// path alone. The errors are a [*plane.ConfigError], a
// [*flowcache.ConfigError], a [*plane.DeviceError], an [*Error] with
// [ErrBigEndian], and those of the kernel, which refuses who has not the
// capabilities.
//
// A redirect to a veth needs NAPI on its peer, by ethtool -K PEER gro on or an
// XDP program there; without it the kernel drops every frame, and says so in
// none of the counters here.
func New(c plane.Config) (plane.Plane, error) {
	spec, err := loadForward()
	if err != nil {
		return nil, fmt.Errorf("xdp: %w", err)
	}
	p, err := newPlane(c, spec)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// newPlane is New with the programs of an object file.
func newPlane(c plane.Config, spec *ebpf.CollectionSpec) (_ *dataPlane, err error) {
	if err := check(&c); err != nil {
		return nil, err
	}
	p := &dataPlane{config: c, counted: make(map[uint16]bool), outputs: make(map[uint16]output),
		state: state{members: new(members)}}
	code := program{spec: spec, seed: c.Seed, answers: len(c.ICMP.From) > 0, pings: pingsOf(&c)}
	capacity := 0
	if c.Sticky != nil {
		capacity = c.Sticky.Flows
		t, err := newTimeouts(c.Sticky)
		if err != nil {
			return nil, err
		}
		code.timeouts = &t
	}
	if p.maps, err = newMaps(spec, capacity); err != nil {
		return nil, fmt.Errorf("xdp: maps: %w", err)
	}
	p.tables.spec, p.tables.inForce = p.maps.group, p.maps.tables
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	code.maps = p.maps
	var router plane.Memory
	if c.Sticky != nil {
		p.flows = newFlows(p.maps, *code.timeouts, &c)
		p.flows.changed = p.refill
		router = p.flows
	}
	if p.release, err = plane.Claim(c.In); err != nil {
		return nil, err
	}
	for _, name := range c.In {
		g, err := openGate(name, code)
		if err != nil {
			return nil, err
		}
		p.gates = append(p.gates, g)
	}
	p.slow, err = plane.NewSlowPath(c, router)
	return p, err
}

// pingsOf returns how many pings a second the slow path may answer, all its workers
// together.
func pingsOf(c *plane.Config) int { return c.ICMP.Pings * max(c.Workers, 1) * len(c.In) }

// check refuses what the plane can't do.
func check(c *plane.Config) error {
	switch {
	case c.Reset:
		return &plane.ConfigError{Field: "Reset", Value: true, Reason: "an XDP program answers no packet"}
	case c.Domain == nil:
		return &plane.ConfigError{Field: "Domain", Value: c.Domain,
			Reason: "the program tells members by their slots in it"}
	case c.Sticky != nil && (c.Sticky.Flows < 1 || c.Sticky.Flows > maxFlows):
		return &flowcache.ConfigError{Field: "Flows", Value: c.Sticky.Flows,
			Reason: fmt.Sprintf("not within 1 to %d", maxFlows)}
	}
	return c.Check()
}

// Keys are those that the program can tell flows apart by: of the outermost
// headers.
func Keys() []placement.Key {
	return []placement.Key{placement.FiveTuple, placement.ThreeTuple, placement.Addresses, placement.Client}
}

const maxFlows = 1 << 26 // some 5 GiB

// Mode says where the kernel runs the program.
func (p *dataPlane) Mode() string {
	modes := make([]string, len(p.gates))
	for i, g := range p.gates {
		modes[i] = fmt.Sprintf("%s XDP on %s", g.mode, p.config.In[i])
	}
	return strings.Join(modes, ", ")
}

// Find implements [plane.Plane]. The slow path answers, which reads the same
// pins as the program, and takes the same member for each flow.
func (p *dataPlane) Find(frame []byte) (plane.Found, error) { return p.slow.Find(frame) }

// Flows implements [plane.Plane].
func (p *dataPlane) Flows() plane.Flows {
	if p.flows == nil {
		return nil
	}
	return p.flows
}

// Close implements [plane.Plane].
func (p *dataPlane) Close() error {
	var err error
	if p.slow != nil {
		err = p.slow.Close()
	}
	for _, g := range p.gates {
		err = errors.Join(err, g.Close())
	}
	if p.release != nil {
		err = errors.Join(err, p.release())
	}
	err = errors.Join(err, p.tables.close(), p.maps.close())
	for _, s := range p.state.services {
		err = errors.Join(err, s.table.close())
	}
	return err
}

// monotonic is the time of the program's clock.
func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // every Linux has it
	return t.Nano()
}
