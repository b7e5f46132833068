package xdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/forwarder/plane"
)

// A Plane is a [plane.Plane]: a program in the kernel, its maps, and a slow path. See the package documentation for what it does, and
// [plane.Plane] for how to use it. SetOutputs, Sync and Run work in the network namespace of the thread that calls them.
//
// A redirect to a veth needs NAPI on its peer, by ethtool -K PEER gro on or an XDP program there; without it the kernel drops every
// frame, and says so in none of the counters here.
type Plane struct {
	config  plane.Config
	maps    *maps
	program *ebpf.Program
	flows   *flows // nil without stickiness
	slow    *slowPath
	state   state
	spare   []*table

	mu      sync.Mutex
	outputs map[uint16]output // now
	counted map[uint16]bool   // outputs, those that are gone included
}

type output struct {
	device string
	index  uint32
}

// New returns a plane that forwards nothing yet. The kernel spreads the work by the queues of the interfaces, and Config.Workers does not
// count. The errors are a [*flowcache.ConfigError], an [*Error] with [ErrConfig], [ErrReset] or [ErrUnsupported], and those
// of the kernel, which refuses who has not the capabilities.
func New(c plane.Config) (*Plane, error) { return newPlane(c, nil) }

// newPlane is New with a clock other than the kernel's.
func newPlane(c plane.Config, clock *ebpf.Map) (_ *Plane, err error) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, &Error{Err: ErrUnsupported, Value: "the machine is big-endian"}
	}
	if err := check(&c); err != nil {
		return nil, err
	}
	code := program{seed: c.Seed, clock: clock}
	capacity := 0
	if c.Sticky != nil {
		capacity = c.Sticky.Flows
		if code.timeouts, err = newTimeouts(c.Sticky); err != nil {
			return nil, err
		}
	}
	m, err := newMaps(capacity)
	if err != nil {
		return nil, fmt.Errorf("xdp: maps: %w", err)
	}
	code.maps = *m
	p := &Plane{config: c, maps: m, counted: make(map[uint16]bool)}
	if p.program, err = code.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("xdp: program: %w", err), m.close())
	}
	if c.Sticky != nil {
		p.flows = newFlows(m, code.timeouts, &c)
	}
	p.slow = newSlowPath(c, p.flows)
	return p, nil
}

// check refuses what the plane can't do.
func check(c *plane.Config) error {
	switch {
	case c.Reset:
		return &Error{Err: ErrReset}
	case len(c.In) == 0:
		return &Error{Err: fmt.Errorf("%w: no interface to receive by", ErrConfig)}
	case c.Domain == nil:
		return &Error{Err: fmt.Errorf("%w: no domain", ErrConfig)}
	case c.Sticky != nil && (c.Sticky.Flows < 1 || c.Sticky.Flows > maxFlows):
		return &Error{Err: fmt.Errorf("%w: flows not within 1 to %d", ErrConfig, maxFlows), Value: c.Sticky.Flows}
	case c.Sticky != nil && c.Sticky.Domain != nil && c.Sticky.Domain != c.Domain:
		return &Error{Err: ErrDomain}
	}
	return nil
}

const maxFlows = 1 << 26 // some 5 GiB

// SetOutputs implements [plane.Plane]. It is to be called again when a device was made anew, even under the same name.
func (p *Plane) SetOutputs(devices map[uint16]string) error {
	next := make(map[uint16]output, len(devices))
	for number, name := range devices {
		if number > MaxOutput {
			return &Error{Err: fmt.Errorf("%w outputs: the greatest is %d", ErrLimit, MaxOutput), Value: number}
		}
		device, err := net.InterfaceByName(name)
		if err != nil {
			return &Error{Err: fmt.Errorf("%w: output %d: %w", ErrOutput, number, err), Value: name}
		}
		next[number] = output{name, uint32(device.Index)}
	}
	if err := p.putOutputs(p.outputs, next); err != nil {
		return errors.Join(err, p.putOutputs(next, p.outputs))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outputs = next
	for number := range next {
		p.counted[number] = true
	}
	p.slow.setOutputs(next)
	return nil
}

func (p *Plane) putOutputs(old, next map[uint16]output) error {
	for number, o := range next {
		if err := p.maps.outputs.Put(uint32(number), o.index); err != nil {
			return &Error{Err: fmt.Errorf("%w: output %d: %w", ErrOutput, number, err), Value: o.device}
		}
	}
	for number, o := range old {
		if _, ok := next[number]; ok {
			continue
		}
		if err := p.maps.outputs.Delete(uint32(number)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return &Error{Err: fmt.Errorf("%w: output %d: %w", ErrOutput, number, err), Value: o.device}
		}
	}
	return nil
}

// Counters implements [plane.Plane]. A frame that a device did not take when it was redirected to it counts as sent.
func (p *Plane) Counters() plane.Counters {
	c := plane.Counters{Members: make(map[uint16]engine.Traffic), Dropped: make(map[string]uint64)}
	add := func(t *engine.Traffic, more engine.Traffic) {
		t.Frames += more.Frames
		t.Bytes += more.Bytes
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for number := range p.counted {
		t := traffic(p.maps.members, uint32(number))
		add(&c.In, t)
		c.Members[number] = t
	}
	for reason, e := range map[string]event{
		engine.Expired.String(): expired, engine.NoMember.String(): noMember, "no output": noOutput,
	} {
		t := traffic(p.maps.events, uint32(e))
		add(&c.In, t)
		c.Dropped[reason] += t.Frames
	}
	p.slow.count(&c, p.counted)
	return c
}

// traffic adds up what the processors counted.
func traffic(m *ebpf.Map, index uint32) (sum engine.Traffic) {
	var each []engine.Traffic
	if err := m.Lookup(index, &each); err != nil {
		return sum // the map is closed
	}
	for _, t := range each {
		sum.Frames += t.Frames
		sum.Bytes += t.Bytes
	}
	return sum
}

// Flows implements [plane.Plane].
func (p *Plane) Flows() plane.Flows {
	if p.flows == nil {
		return nil
	}
	return p.flows
}

// Close implements [plane.Plane].
func (p *Plane) Close() error {
	err := errors.Join(p.program.Close(), p.maps.close())
	for _, s := range p.state.services {
		err = errors.Join(err, s.table.close())
	}
	for _, t := range p.spare {
		err = errors.Join(err, t.close())
	}
	return err
}

// monotonic is the time of the program's clock.
func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // every Linux has it
	return t.Nano()
}
