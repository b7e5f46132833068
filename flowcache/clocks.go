package flowcache

import "time"

// clocks are the durations of a Config in the units of each state, and what
// follows from them. To refresh a pin with every packet would write to its
// cache line with every tick that the clock moves; so a pin is refreshed only
// when it was refresh units ago that it last was, and lives for as much longer.
type clocks struct {
	tick    time.Duration
	shift   [States]uint8       // the unit of a state is tick shifted by so much
	life    [States]uint32      // the greatest age of a pin that has not expired
	ahead   [States]uint32      // how far ahead of another worker's a clock may be
	limit   [States]uint32      // life and ahead
	refresh [States]uint32      // the least age at which a packet refreshes a pin; at least 1
	grace   [States]uint32      // the greatest age at which a pin waits for a member that is down
	hitAge  [States]uint32      // the least age at which any packet changes a pin
	late    [Adopted + 1]uint32 // PromoteAfter
	spared  [States]uint32      // the greatest age at which Sweep leaves a pin
	pass    time.Duration       // that Sweep takes for the whole table
}

func newClocks(c *Config) clocks {
	k := clocks{tick: c.Tick, pass: time.Minute}
	for i := range k.life {
		s := State(i)
		shift := c.shift(c.timeout(s))
		unit := c.Tick << shift
		k.shift[s] = uint8(shift)
		k.life[s] = uint32(units(c.timeout(s), unit))
		k.grace[s] = uint32(min(units(c.DownGrace, unit), tickMask))
		k.refresh[s] = max(1, min(k.life[s]/8, k.grace[s]/4))
		k.life[s] += k.lag(s)
		k.grace[s] += k.lag(s)
		if s > Adopted {
			k.hitAge[s] = k.refresh[s]
		}
		k.ahead[s] = (tickWrap - k.life[s] - 1) / 2
		k.limit[s] = k.life[s] + k.ahead[s]
		k.spared[s] = k.life[s] + uint32(min(heldUp/unit, time.Duration(k.ahead[s]/2)))
		// a third of the time that an expired pin has until it seems ahead
		k.pass = min(k.pass, max(1, time.Duration(tickMask-k.limit[s])*unit/3))
	}
	for s := range k.late {
		k.late[s] = uint32(units(c.PromoteAfter, k.unit(State(s))))
	}
	return k
}

// unit returns the unit of a state.
func (k *clocks) unit(s State) time.Duration { return k.tick << k.shift[s&stateMask] }

// lag is the most by which the tick of a pin is behind the last packet of its
// flow; on probation behind the first.
func (k *clocks) lag(s State) uint32 {
	if s <= Adopted {
		return 0
	}
	return k.refresh[s] - 1
}

// lease is the age up to which a packet may have come here within a quarter of
// the timeout.
func (k *clocks) lease(s State) uint32 {
	lag := k.lag(s)
	return (k.life[s&stateMask]-lag+3)/4 + lag
}

// longest is the greatest age of a pin that has not expired, whatever its
// state, and a unit more.
func (k *clocks) longest() (d time.Duration) {
	for s := range k.life {
		d = max(d, time.Duration(k.life[s]+1)*k.unit(State(s)))
	}
	return d
}

// tickAt returns the number of a tick, rounded down before 0 too.
func (k *clocks) tickAt(now time.Duration) int64 {
	n := int64(now / k.tick)
	if now%k.tick < 0 {
		n--
	}
	return n
}

func (k *clocks) moment(tick int64) (m moment) {
	for s := range m {
		m[s] = uint32(tick >> k.shift[s])
	}
	return m
}

// agePlus is the age of a pin and ahead more, so that a clock ahead of this
// moment makes it less, and not a great age.
func (k *clocks) agePlus(w word, now *moment) uint32 {
	return (now[w&stateMask] + k.ahead[w&stateMask] - uint32(w>>tickShift)) & tickMask
}

// age returns how many units ago the word was refreshed.
func (k *clocks) age(w word, now *moment) uint32 {
	ahead := k.ahead[w&stateMask]
	return max(k.agePlus(w, now), ahead) - ahead
}

func (k *clocks) expired(w word, now *moment) bool { return k.agePlus(w, now) > k.limit[w&stateMask] }

// silence returns how long the flow of pin w has sent nothing, at least.
func (s *Sticky) silence(w word) time.Duration {
	k, state := &s.table.clocks, w.state()
	return time.Duration(int64(k.age(w, &s.now))-int64(k.lag(state))) * k.unit(state)
}

// expired reports whether the pin w has expired. One that seems ahead of this
// worker's clock was refreshed by another worker. If it seems ahead of every
// worker's clock, it is so old that the counter of ticks has wrapped.
func (s *Sticky) expired(w word) bool {
	k, state := &s.table.clocks, w.state()
	if k.expired(w, &s.now) {
		return true
	}
	if w.steps(&s.now) <= k.life[state] {
		return false
	}
	latest := uint32(s.table.latest.Load() >> k.shift[state])
	return (latest-w.tick())&tickMask > latest-s.now[state]
}
