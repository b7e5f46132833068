package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Run plays the changes to one data plane, until ctx ends. Nothing of it is
// left when it returns.
func Run(ctx context.Context, c Config) (r Result, err error) {
	r = Result{Plane: c.Plane}
	b, err := newBed(c)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	p, err := newSubject(ctx, b.network, c)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	changes := story(b.pods, c.Connections)
	g, ok := p.(*gateway)
	if ok && c.Sticky {
		changes = append(changes, restart(ctx, g, b.pods, c))
	}
	for _, change := range changes {
		c.Log(c.Plane + ": " + change.event)
		step, err := change.play(ctx, p, b.client, c.Connections)
		if err != nil {
			return r, fmt.Errorf("%s: %s: %w", c.Plane, change.event, err)
		}
		r.Steps = append(r.Steps, step)
	}
	if g != nil {
		r.Pause = g.pause
	}
	return r, nil
}

func (c *Config) check() error {
	switch {
	case !slices.Contains(Planes(), c.Plane):
		return fmt.Errorf("%q is none of %v", c.Plane, Planes())
	case c.Connections < 1 || c.Connections > MaxConnections:
		return fmt.Errorf("%d connections: there may be 1 to %d", c.Connections, MaxConnections)
	case uint32(c.Seed) == 0 && c.Kernel():
		return fmt.Errorf("seed %d: its lower 32 bits are 0, which the kernel takes for no seed", c.Seed)
	}
	return nil
}

func newSubject(ctx context.Context, n *network, c Config) (subject, error) {
	if c.Kernel() {
		return newKernelPlane(n, c.Plane, uint32(c.Seed))
	}
	return newGateway(ctx, n, c)
}
