package flowcache

import "time"

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
	steadyFor    [4]uint32 // by state: the least age at which a packet may change a pin
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
			k.steadyFor[s] = k.refresh[s]
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
