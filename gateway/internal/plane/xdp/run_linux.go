package xdp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// sweepEvery is how long an expired pin takes up room that it need not.
const sweepEvery = 10 * time.Second

// Run implements [plane.Plane]: it opens the gates, and closes them when ctx
// ends.
func (p *dataPlane) Run(ctx context.Context) (err error) {
	for _, g := range p.gates {
		defer func() { err = errors.Join(err, g.Update(g.closed)) }()
		if err := g.Update(g.forward); err != nil {
			return fmt.Errorf("xdp: run the program: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slow := make(chan error, 1)
	go func() {
		defer cancel()
		slow <- p.slow.Run(ctx)
	}()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	p.upkeep(ctx, tick.C)
	cancel()
	return <-slow
}

// upkeep looks after the pins with every tick until ctx ends. What fails is tried
// again with the next one, and packets don't wait for it.
func (p *dataPlane) upkeep(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			if p.flows != nil {
				p.tidy()
			}
		}
	}
}

// tidy removes pins that have expired, and what is kept for them.
func (p *dataPlane) tidy() {
	if err := p.flows.sweep(); err != nil {
		slog.Warn("XDP program keeps pins that have expired", "error", err)
		return // a slot must not be given again while pins to it may be left
	}
	if p.flows.overdue() {
		// A group may just now have what can't be in force here: Sync tells
		// whoever did it. The pins wait until the next tick.
		if err := p.refill(); err != nil {
			slog.Warn("XDP program still waits for members of restored flows", "error", err)
		}
	}
	p.flows.release()
}
