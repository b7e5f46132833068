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

// clocks are the durations of a Config in ticks, and what follows from them. To
// refresh a pin with every packet would write to its cache line with every tick
// that the clock moves; so a pin is refreshed only when it was refresh ticks
// ago that it last was, and lives for as much longer.
type clocks struct {
	tick    int64     // in nanoseconds
	life    [4]uint32 // by state: the greatest age of a pin that has not expired
	limit   [4]uint32 // life and aheadTicks, to compare with agePlus
	refresh [4]uint32 // by state: the least age at which a packet refreshes a pin; at least 1
	// by state: the greatest age at which a pin waits for a member that is down
	grace        [4]uint32
	hitAge       [4]uint32 // by state: the least age at which any packet changes a pin
	promoteAfter uint32
}

func newClocks(c *Config) clocks {
	ticks := func(d time.Duration) uint32 { return uint32(c.ticks(d)) }
	k := clocks{
		tick:         int64(c.Tick),
		life:         [4]uint32{ticks(c.Probation), ticks(c.EstablishedTCP), ticks(c.Established), ticks(c.Closing)},
		promoteAfter: ticks(c.PromoteAfter),
	}
	for s := range k.life {
		k.grace[s] = ticks(c.DownGrace)
		k.refresh[s] = max(1, min(k.life[s]/8, k.grace[s]/4))
		k.life[s] += k.lag(State(s))
		k.grace[s] += k.lag(State(s))
		if State(s) != Probation {
			k.hitAge[s] = k.refresh[s]
		}
		k.limit[s] = k.life[s] + aheadTicks
	}
	return k
}

// lag is the most by which the tick of a pin is behind the last packet of its
// flow; on probation behind the first.
func (k *clocks) lag(s State) uint32 {
	if s == Probation {
		return 0
	}
	return k.refresh[s] - 1
}

// longest is the greatest age, in nanoseconds, of a pin that has not expired,
// whatever its state, and a tick more.
func (k *clocks) longest() int64 {
	return (int64(max(k.life[Probation], k.life[EstablishedTCP], k.life[Established], k.life[Closing])) + 1) * k.tick
}

func (k *clocks) tickAt(now int64) uint32 { return uint32(now / k.tick) }

func (k *clocks) expired(w word, now uint32) bool { return w.agePlus(now) > k.limit[w.state()] }

// Flowlets returns the configuration of a table that keeps a flow where it is
// for as long as its packets are closer than gap, at least 16 ns, and no
// longer: then the selector places it anew. If gap is no shorter than the
// difference in delay between the paths to any two members, a flow that moves
// is never reordered, so that a group can be rebalanced or change at any time
// (Kandula et al., "Dynamic load balancing without packet reordering", 2007).
// That is for next hops that keep no state, such as uplinks.
//
// A tick is an eighth of the gap, so sweep the table at least every 48 gaps.
func Flowlets(d *selector.Domain, flows int, gap time.Duration) Config {
	tick := gap / 8
	return Config{
		Domain: d, Flows: flows, Tick: tick,
		// Packets do not refresh a pin on probation, so it lasts until after
		// the first packet that comes late enough to promote it, whose
		// predecessor came before that was so.
		Probation: gap + 2*tick, PromoteAfter: 1,
		EstablishedTCP: gap, Established: gap, Closing: gap, DownGrace: gap,
	}
}
