package joined

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Wait waits until all services are joined, or ctx ends.
func (c *Cluster) Wait(ctx context.Context) error {
	for {
		c.mu.Lock()
		waits, fault, more := 0, c.fault, c.joined
		for _, g := range c.groups {
			if g.membership == nil {
				waits++
			}
		}
		c.mu.Unlock()
		if waits == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if fault == nil {
				fault = fmt.Errorf("services that are not joined: %d", waits)
			}
			return fault
		case <-more:
		}
	}
}

// Heartbeats after which others are known: one of theirs, and their answer to
// the first of this gateway.
const knownAfter = 2

// Ready reports whether flows of other gateways may come here: the services are
// joined and the pins of the others are here, or it has waited for that as long
// as the configuration says. Then lacks says what is not there yet.
func (c *Cluster) Ready() (ready bool, lacks string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lacks = c.lacks()
	return lacks == "" || time.Since(c.since) > c.Config.Wait, lacks
}

// lacks says what this gateway can't do yet with flows of others; c.mu is held.
func (c *Cluster) lacks() string {
	for _, g := range c.groups {
		if g.membership == nil {
			return "service " + g.service + " is not joined"
		}
	}
	if !c.Config.Pins || len(c.tables) == 0 {
		return ""
	}
	for t := range c.tables {
		switch {
		case t.fault != nil: // it is told, and will not pass
		case t.pins == nil:
			return "pins are not shared yet"
		case len(t.pins.Missing()) > 0:
			return "the pins of " + strings.Join(t.pins.Missing(), ", ") + " are not here"
		}
	}
	if time.Since(c.last) <= knownAfter*c.Config.Heartbeat {
		return "not all gateways may be known yet"
	}
	return ""
}
