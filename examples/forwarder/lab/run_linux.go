package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ecmp-go/ecmp/examples/internal/netns"
)

// Run plays the changes to one data plane, until ctx ends. Nothing of it is left when it returns.
func Run(ctx context.Context, c Config) (r Result, err error) {
	r = Result{Plane: c.Plane}
	if err := c.check(); err != nil {
		return r, err
	}
	if err := netns.Available(); err != nil {
		return r, err
	}
	stale, err := netns.RemoveStale()
	if err != nil {
		return r, err
	}
	for _, name := range stale {
		c.Log("removed " + name + " of a run that crashed")
	}
	network, err := newNetwork(c.IPv6)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, network.close()) }()
	for _, p := range network.pods {
		s, err := newServer(p, network.vip().Addr())
		if err != nil {
			return r, err
		}
		defer s.close()
	}
	p, err := newPlane(ctx, network, c)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	client := &client{
		ns: network.client, from: linkAddr(c.IPv6, 0, 2), to: netip.AddrPortFrom(network.vip().Addr(), port), port: firstPort,
	}
	for _, change := range story(network.pods, c.Connections) {
		c.Log(fmt.Sprintf("%s: %s", c.Plane, change.event))
		step, err := change.play(ctx, p, client, c.Connections)
		if err != nil {
			return r, fmt.Errorf("%s: %s: %w", c.Plane, change.event, err)
		}
		r.Steps = append(r.Steps, step)
	}
	return r, nil
}

func (c *Config) check() error {
	switch {
	case !slices.Contains(Planes(), c.Plane):
		return fmt.Errorf("%q is none of %v", c.Plane, Planes())
	case c.Connections < 1 || c.Connections > MaxConnections:
		return fmt.Errorf("%d connections: there may be 1 to %d", c.Connections, MaxConnections)
	case uint32(c.Seed) == 0 && c.kernel():
		return fmt.Errorf("seed %d: its lower 32 bits are 0, which the kernel takes for no seed", c.Seed)
	}
	return nil
}

func (c *Config) kernel() bool { return c.Plane == KernelMpath || c.Plane == KernelResilient }

func newPlane(ctx context.Context, n *network, c Config) (plane, error) {
	if !c.kernel() {
		return newRouter(ctx, n, c)
	}
	return newKernelPlane(n, c.Plane, uint32(c.Seed))
}
