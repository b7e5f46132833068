package flowcache

import (
	"fmt"
	"math"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// Config describes a Table. Domain and Flows are required; a zero duration means its default, or
// the most that it can be if that is less.
type Config struct {
	Domain *selector.Domain // that of every view routed over the table

	// Flows is how many flows the table is for, 1 to 2^30. At that number three quarters of it are full, and it takes 10.7
	// bytes a flow; it never grows.
	Flows int

	Tick time.Duration // resolution of time; default 1 s

	// Timeouts, in order of state, up to 512 ticks each. A pin lives at least as long and at most an eighth and two ticks longer,
	// for packets refresh a pin only when an eighth of its timeout has passed, or a quarter of DownGrace if that is less.
	Probation      time.Duration // since the first packet of a flow not yet promoted; default 8 s
	EstablishedTCP time.Duration // since the last packet of a TCP flow; default 350 s
	Established    time.Duration // since the last packet of any other flow; default 30 s
	Closing        time.Duration // since the last packet of a TCP flow that saw FIN or RST; default 10 s

	PromoteAfter time.Duration // age from which a second packet promotes a flow that is not TCP, up to a tick later; default 1 s
	DownGrace    time.Duration // since its last packet, how long a pin waits for a member that is down, up to a quarter longer; default 30 s
}

// Limits of a Config.
const (
	maxFlows = 1 << 30
	maxTicks = 512 // of a timeout
)

// A ConfigError names the field of a Config that can't be used.
type ConfigError struct {
	Field  string
	Value  any
	Reason string
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("flowcache: Config.%s is %v: %s", e.Field, e.Value, e.Reason)
}

// withDefaults returns c with every duration set, or the first thing wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.Domain == nil {
		return c, &ConfigError{"Domain", c.Domain, "a table needs the domain of its groups"}
	}
	if c.Flows < 1 || c.Flows > maxFlows {
		return c, &ConfigError{"Flows", c.Flows, fmt.Sprintf("not within 1 to %d", maxFlows)}
	}
	durations := []struct {
		field *time.Duration
		name  string
		std   time.Duration
	}{
		{&c.Tick, "Tick", time.Second},
		{&c.Probation, "Probation", 8 * time.Second},
		{&c.EstablishedTCP, "EstablishedTCP", 350 * time.Second},
		{&c.Established, "Established", 30 * time.Second},
		{&c.Closing, "Closing", 10 * time.Second},
		{&c.PromoteAfter, "PromoteAfter", time.Second},
		{&c.DownGrace, "DownGrace", 30 * time.Second},
	}
	for _, d := range durations {
		if *d.field == 0 {
			*d.field = min(d.std, c.most())
		}
		switch {
		case *d.field < 0:
			return c, &ConfigError{d.name, *d.field, "negative"}
		case *d.field > c.most():
			return c, &ConfigError{d.name, *d.field, fmt.Sprintf("more than %d ticks of %v", maxTicks, c.Tick)}
		}
	}
	return c, nil
}

// most is the longest timeout; while the tick itself is not set, whatever that is.
func (c Config) most() time.Duration {
	if c.Tick <= 0 || c.Tick > math.MaxInt64/maxTicks {
		return math.MaxInt64
	}
	return maxTicks * c.Tick
}

// ticks returns the least number of ticks that is not shorter than d.
func (c Config) ticks(d time.Duration) int64 {
	n := int64(d / c.Tick)
	if d%c.Tick != 0 {
		n++
	}
	return n
}
