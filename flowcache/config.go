package flowcache

import (
	"fmt"
	"math"
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// Config describes a Table. Domain and Flows are required; a zero duration
// means its default, or the nearest that it can be with this Tick.
type Config struct {
	Domain *selector.Domain // that of every view routed over the table

	// Flows is how many flows the table is for, 1 to 2^30, or 201,326,586 where
	// an int has 32 bits. At that number three quarters of it are full, and it
	// takes 10.7 bytes a flow; it never grows.
	Flows int

	Tick time.Duration // resolution of time, up to 1 h; default 1 s

	// Timeouts, in order of state, up to 512 ticks each. A pin lives at least
	// as long and at most an eighth and two ticks longer, for packets refresh a
	// pin only when an eighth of its timeout has passed, or a quarter of
	// DownGrace if that is less.
	// since the first packet of a flow not yet promoted; two ticks or more;
	// default 8 s
	Probation      time.Duration
	EstablishedTCP time.Duration // since the last packet of a TCP flow; default 350 s
	Established    time.Duration // since the last packet of any other flow; default 30 s
	// since the last packet of a TCP flow that saw FIN or RST; default 10 s
	Closing time.Duration

	// PromoteAfter is the age from which a second packet promotes a flow that
	// is not TCP, or up to two ticks later; in ticks it is less than Probation,
	// by default an eighth of it. Such a flow is sticky if its packets are
	// closer than Probation.
	PromoteAfter time.Duration

	// DownGrace is how long a pin waits for a member that is down, since its
	// last packet, and up to a quarter and two ticks longer; default 30 s.
	DownGrace time.Duration
}

// Limits of a Config.
const (
	maxFlows = min(1<<30, math.MaxInt/(bucketSize*8)*flowsPerBucket) // whose bytes an int counts
	maxTicks = 512                                                   // of a timeout
	// so that timeouts of three weeks can be had, and no sum of them overflows
	maxTick = time.Hour
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

// withDefaults returns c with every duration set, or the first thing wrong with
// it.
func (c Config) withDefaults() (Config, error) {
	if c.Domain == nil {
		return c, &ConfigError{"Domain", c.Domain, "a table needs the domain of its groups"}
	}
	if c.Flows < 1 || c.Flows > maxFlows {
		return c, &ConfigError{"Flows", c.Flows, fmt.Sprintf("not within 1 to %d", maxFlows)}
	}
	if c.Tick == 0 {
		c.Tick = time.Second
	}
	if c.Tick < 0 || c.Tick > maxTick {
		return c, &ConfigError{"Tick", c.Tick, fmt.Sprintf("not within 1 ns to %v", maxTick)}
	}
	durations := []struct {
		field *time.Duration
		name  string
		std   time.Duration
	}{
		{&c.Probation, "Probation", max(8*time.Second, 2*c.Tick)},
		{&c.EstablishedTCP, "EstablishedTCP", 350 * time.Second},
		{&c.Established, "Established", 30 * time.Second},
		{&c.Closing, "Closing", 10 * time.Second},
		{&c.PromoteAfter, "PromoteAfter", 0}, // depends on Probation: see below
		{&c.DownGrace, "DownGrace", 30 * time.Second},
	}
	for _, d := range durations {
		if *d.field == 0 {
			*d.field = min(d.std, maxTicks*c.Tick)
		}
		switch {
		case *d.field < 0:
			return c, &ConfigError{d.name, *d.field, "negative"}
		case *d.field > maxTicks*c.Tick:
			return c, &ConfigError{d.name, *d.field, fmt.Sprintf("more than %d ticks of %v", maxTicks, c.Tick)}
		}
	}
	if c.PromoteAfter == 0 {
		c.PromoteAfter = c.Probation / 8
	}
	if c.ticks(c.PromoteAfter) >= c.ticks(c.Probation) {
		return c, &ConfigError{"PromoteAfter", c.PromoteAfter, fmt.Sprintf(
			"with ticks of %v not less than Probation, %v: only TCP flows would ever be promoted", c.Tick, c.Probation)}
	}
	return c, nil
}

// ticks returns the least number of ticks that is not shorter than d.
func (c Config) ticks(d time.Duration) int64 {
	n := int64(d / c.Tick)
	if d%c.Tick != 0 {
		n++
	}
	return n
}
