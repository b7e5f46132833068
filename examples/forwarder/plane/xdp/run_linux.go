package xdp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cilium/ebpf/link"
)

// sweepEvery is how long an expired pin takes up room that it need not.
const sweepEvery = 10 * time.Second

// Run implements [plane.Plane]: it attaches the program to the interfaces, and detaches it when ctx ends. Where a driver has no
// place for it, the kernel runs it on packets that it has already made, which is slower; the log says so.
func (p *Plane) Run(ctx context.Context) (err error) {
	var closers []interface{ Close() error }
	defer func() {
		for _, c := range closers {
			err = errors.Join(err, c.Close())
		}
	}()
	var taps []tap
	for _, name := range p.config.In {
		device, err := net.InterfaceByName(name)
		if err != nil {
			return fmt.Errorf("xdp: %s: %w", name, err)
		}
		t, err := openTap(device)
		if err != nil {
			return err
		}
		taps, closers = append(taps, t), append(closers, t)
		l, err := p.attach(device)
		if err != nil {
			return err
		}
		closers = append(closers, l)
	}
	return p.serve(ctx, taps)
}

func (p *Plane) attach(device *net.Interface) (link.Link, error) {
	mode := "native"
	l, err := link.AttachXDP(link.XDPOptions{Program: p.program, Interface: device.Index, Flags: link.XDPDriverMode})
	if err != nil {
		mode = "generic, since native was refused: " + err.Error()
		l, err = link.AttachXDP(link.XDPOptions{Program: p.program, Interface: device.Index, Flags: link.XDPGenericMode})
	}
	if err != nil {
		return nil, fmt.Errorf("xdp: attach to %s: %w", device.Name, err)
	}
	slog.Info("xdp program attached", "interface", device.Name, "mode", mode)
	return l, nil
}

// serve runs the slow path and the upkeep of the pins until ctx ends or one of them fails.
func (p *Plane) serve(ctx context.Context, taps []tap) error {
	failed := make(chan error, len(taps))
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, t := range taps {
		wg.Go(func() {
			if err := p.slow.forward(t); err != nil {
				failed <- err
			}
		})
		defer t.stop() // before the wait
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("xdp: slow path: %w", err)
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
