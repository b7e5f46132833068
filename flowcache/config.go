package flowcache

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/selector"
)

// Config describes a Table. Domain and Flows are required; a zero duration
// means its default.
//
// A timeout may be from two ticks to 2^29 of them. It is kept in a unit of its
// own, Tick or a power of two times as long, so that it takes at most 512
// units. A pin lives at least as long, and at most an eighth and two units
// longer: packets refresh a pin only when an eighth of its timeout has passed,
// or a quarter of DownGrace if that is less.
type Config struct {
	Domain *selector.Domain // that of every view routed over the table

	// Flows is how many flows the table is for, 1 to 2^30, or 201,326,586 where
	// an int has 32 bits. At that number three quarters of it are full, and it
	// takes 10.7 bytes a flow; it never grows.
	Flows int

	Tick time.Duration // resolution of time, up to 1 h; default 1 s

	Probation      time.Duration // since the first packet of a flow not yet promoted; default 8 s
	EstablishedTCP time.Duration // since the last packet of a TCP flow; default 350 s
	Established    time.Duration // since the last packet of any other flow; default 30 s
	// since the last packet of a TCP flow that saw FIN or RST; default 60 s
	Closing time.Duration

	// PromoteAfter is the age from which a second packet promotes a flow that
	// is not TCP, or up to two units of Probation later. In units it is less
	// than Probation, by default an eighth of it. Such a flow is sticky if its
	// packets are no further apart than Probation less PromoteAfter.
	PromoteAfter time.Duration

	// DownGrace is how long a pin waits for a member that is down, since its
	// last packet, and up to a quarter and two units longer; default 30 s.
	DownGrace time.Duration

	// RestoreGrace is how long after Table.Restore the flows of members that
	// no group has yet wait for them; default 30 s.
	RestoreGrace time.Duration

	// Classes are the classes of flows that have a timeout of their own, up to
	// 11: DNS, QUIC, the affinity of clients. Packet.Class says which class a
	// flow is of, FirstClass for the first one here.
	Classes []ClassConfig
}

// A ClassConfig describes a class of flows.
type ClassConfig struct {
	Name string        // what Save and Restore know the class by; unique
	Idle time.Duration // timeout since the last packet
	Sure bool          // a flow is established by its first packet
}

// Limits of a Config.
const (
	maxFlows    = min(1<<30, math.MaxInt/(bucketSize*8)*flowsPerBucket) // whose bytes an int counts
	maxUnits    = 512                                                   // of a timeout
	maxShift    = 20                                                    // of a unit
	maxTick     = time.Hour
	maxDuration = math.MaxInt64 / 4 // so that no sum of timeouts overflows
	maxClasses  = life.States - int(life.FirstClass)
)

// A ConfigError names the field of a Config that can't be used, or that of a
// FragmentsConfig with the name of that before it.
type ConfigError struct {
	Field  string // "Tick", "FragmentsConfig.Hold"
	Value  any
	Reason string
}

func (e *ConfigError) Error() string {
	field := e.Field
	if !strings.Contains(field, ".") {
		field = "Config." + field
	}
	return fmt.Sprintf("flowcache: %s is %v: %s", field, e.Value, e.Reason)
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
	if c.PromoteAfter == 0 {
		c.PromoteAfter = max(1, cmp.Or(c.Probation, 8*time.Second)/8)
	}
	for _, d := range []struct {
		field *time.Duration
		name  string
		std   time.Duration
		least time.Duration
	}{
		{&c.Probation, "Probation", 8 * time.Second, 2 * c.Tick},
		{&c.EstablishedTCP, "EstablishedTCP", 350 * time.Second, 1},
		{&c.Established, "Established", 30 * time.Second, 1},
		{&c.Closing, "Closing", 60 * time.Second, 1},
		{&c.PromoteAfter, "PromoteAfter", 0, 1},
		{&c.DownGrace, "DownGrace", 30 * time.Second, 1},
	} {
		*d.field = cmp.Or(*d.field, d.std)
		if err := c.checkDuration(d.name, *d.field, d.least); err != nil {
			return c, err
		}
	}
	if c.RestoreGrace = cmp.Or(c.RestoreGrace, 30*time.Second); c.RestoreGrace < 0 || c.RestoreGrace > maxDuration {
		return c, &ConfigError{"RestoreGrace", c.RestoreGrace, "not a time to wait"}
	}
	unit := c.Tick << c.shift(c.Probation)
	if units(c.PromoteAfter, unit) >= units(c.Probation, unit) {
		return c, &ConfigError{"PromoteAfter", c.PromoteAfter, fmt.Sprintf(
			"in units of %v not less than Probation, %v: only TCP flows would ever be promoted", unit, c.Probation)}
	}
	return c, c.checkClasses()
}

// checkDuration reports what keeps a duration from being counted in ticks.
func (c *Config) checkDuration(name string, d, least time.Duration) error {
	most := time.Duration(maxDuration)
	if c.Tick < maxDuration>>maxShift/maxUnits {
		most = c.Tick << maxShift * maxUnits
	}
	if d < least || d > most {
		return &ConfigError{name, d, fmt.Sprintf("with ticks of %v not within %v to %v", c.Tick, least, most)}
	}
	return nil
}

func (c *Config) checkClasses() error {
	if len(c.Classes) > maxClasses {
		return &ConfigError{"Classes", len(c.Classes), fmt.Sprintf("more than %d", maxClasses)}
	}
	c.Classes = slices.Clone(c.Classes)
	for i, k := range c.Classes {
		same := func(other ClassConfig) bool { return other.Name == k.Name }
		if k.Name == "" || slices.ContainsFunc(c.Classes[:i], same) {
			return &ConfigError{"Classes", k.Name, "a class needs a name of its own"}
		}
		if err := c.checkDuration("Classes", k.Idle, 1); err != nil {
			return err
		}
	}
	return nil
}

// shift returns by how much a tick is shifted for the unit of a timeout.
func (c *Config) shift(timeout time.Duration) (n uint) {
	for n < maxShift && units(timeout, c.Tick<<n) > maxUnits {
		n++
	}
	return n
}

// units returns the least number of units that is not shorter than d.
func units(d, unit time.Duration) int64 {
	n := int64(d / unit)
	if d%unit != 0 {
		n++
	}
	return n
}

// timeout returns the timeout of a state; that of no class is Established.
func (c *Config) timeout(s State) time.Duration {
	switch s {
	case Probation:
		return c.Probation
	case Closing:
		return c.Closing
	case Adopted, EstablishedTCP:
		return c.EstablishedTCP
	}
	if i := int(s) - int(life.FirstClass); i >= 0 && i < len(c.Classes) {
		return c.Classes[i].Idle
	}
	return c.Established
}

// Flowlets returns the configuration of a table that keeps a flow where it is
// for as long as its packets are closer than gap, at least 16 ns, and no
// longer: then the selector places it anew. If gap is no shorter than the
// difference in delay between the paths to any two members, a flow that so
// moves is never reordered (Kandula et al., "Dynamic load balancing without
// packet reordering", 2007). So members can be added, weighed anew and drained
// at any time. That is for next hops that keep no state, such as uplinks.
//
// A member that is removed or goes down cuts its bursts: they go on elsewhere
// at once, and may be reordered. To take out a link that works, drain it by
// weight 0, and remove it when no flow is left at it, mostly a few gaps later:
// see [Table.Pins].
//
// A tick is an eighth of the gap. Sweep such a table every few gaps.
func Flowlets(d *selector.Domain, flows int, gap time.Duration) Config {
	tick := max(1, gap/8)
	if gap <= 0 {
		tick = min(gap, -1) // which NewTable refuses
	}
	return Config{
		Domain: d, Flows: flows, Tick: tick,
		// Packets do not refresh a pin on probation, so it lasts until after
		// the first packet that comes late enough to promote it, whose
		// predecessor came before that was so.
		Probation: gap + 2*tick, PromoteAfter: 1,
		EstablishedTCP: gap, Established: gap, Closing: gap, DownGrace: gap,
	}
}
