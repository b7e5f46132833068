package xdp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/cilium/ebpf/link"

	"github.com/ecmp-go/ecmp/examples/forwarder/plane"
)

// sweepEvery is how long an expired pin takes up room that it need not.
const sweepEvery = 10 * time.Second

// Run implements [plane.Plane]: it attaches the program to the interfaces, and detaches it when ctx ends. Where a driver has no
// place for it, the kernel runs it on packets that it has already made, which is slower; the log says so.
func (p *dataPlane) Run(ctx context.Context) (err error) {
	for _, name := range p.config.In {
		l, err := p.attach(name)
		if err != nil {
			return &plane.DeviceError{Device: name, Err: err}
		}
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slow := make(chan error, 1)
	go func() {
		defer cancel()
		slow <- p.slow.Run(ctx)
	}()
	err = p.upkeep(ctx)
	cancel()
	return errors.Join(err, <-slow)
}

// attach writes the program for an interface and attaches it there.
func (p *dataPlane) attach(name string) (link.Link, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	code := p.code
	copy(code.address[:], device.HardwareAddr)
	loaded, err := code.load()
	if err != nil {
		return nil, err
	}
	defer loaded.Close() //nolint:errcheck // the link holds it
	mode := "native"
	l, err := link.AttachXDP(link.XDPOptions{Program: loaded, Interface: device.Index, Flags: link.XDPDriverMode})
	if err != nil {
		mode = "generic, since native was refused: " + err.Error()
		l, err = link.AttachXDP(link.XDPOptions{Program: loaded, Interface: device.Index, Flags: link.XDPGenericMode})
	}
	if err != nil {
		return nil, fmt.Errorf("attach the XDP program: %w", err)
	}
	slog.Info("XDP program attached", "interface", name, "mode", mode)
	return l, nil
}

// upkeep looks after the pins until ctx ends.
func (p *dataPlane) upkeep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if p.flows == nil {
				continue
			}
			if err := p.flows.sweep(); err != nil {
				return fmt.Errorf("xdp: sweep: %w", err)
			}
			p.flows.release()
		}
	}
}
