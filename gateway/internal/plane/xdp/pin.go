package xdp

import (
	"slices"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/selector"
)

// A pin is what the maps of flows hold, in one word, so that it is read and
// written at once:
//
//	40 bits  time of the last refresh, in units of 2^20 ns
//	16 bits  slot of the member
//	 8 bits  state
//
// The time is that of the kernel's monotonic clock. Where it stands, an age is
// a difference of two words, in units of 1/16 ns, and it wraps after 36 years.
type pin uint64

const (
	states    = int(affinity) + 1 // that the program knows
	pinStates = 8                 // that a pin has room for
	stateMask = pinStates - 1
	slotShift = 8
	timeShift = 24
	// a time in nanoseconds is shifted by so much, and its lowest timeShift
	// bits are cleared
	timeScale = 4
)

// affinity is the state of established flows that are many connections: of the
// first class of a [flowcache.Config].
const affinity = flowcache.EstablishedTCP + 1

// stamp returns a time in nanoseconds as a pin has it.
func stamp(now int64) uint64 { return uint64(now) << timeScale >> timeShift << timeShift }

func newPin(stamp uint64, slot selector.Slot, s flowcache.State) pin {
	return pin(stamp | uint64(slot)<<slotShift | uint64(s))
}

func (p pin) slot() selector.Slot    { return selector.Slot(uint16(p >> slotShift)) }
func (p pin) state() flowcache.State { return flowcache.State(p & stateMask) }

// age is the time since the pin was refreshed, by a processor whose clock may
// be a little ahead.
func (p pin) age(stamp uint64) time.Duration {
	return max(0, time.Duration(int64(stamp-uint64(p>>timeShift<<timeShift))>>timeScale))
}

// A hopState says what the program may do with a slot.
type hopState uint8

const (
	hopGone hopState = iota // nobody has the slot, or its member left
	hopAlive
	hopDown
	hopDrained   // takes no new flow
	hopAwaited   // was known before a restart, and is not known yet
	hopReleasing // is drained, and keeps flows with a connection alone
)

// timeouts are the durations of a [flowcache.Config], and what follows from
// them. As in a [flowcache.Table], a pin is written again only when some time
// has passed since it was written, and lives longer by that time.
type timeouts struct {
	life         [states]time.Duration // by state
	refresh      [states]time.Duration
	grace        [states]time.Duration
	promoteAfter time.Duration
	restoreGrace time.Duration
	class        string // the name of the one for affinity; empty: there is none
}

// newTimeouts returns the timeouts of c, with the defaults of flowcache. The
// error is a [*flowcache.ConfigError].
func newTimeouts(c *flowcache.Config) (timeouts, error) {
	var t timeouts
	grace := time.Duration(0)
	for _, d := range []struct {
		to    *time.Duration
		name  string
		value time.Duration
		std   time.Duration
	}{
		{&t.life[flowcache.Probation], "Probation", c.Probation, 8 * time.Second},
		{&t.life[flowcache.EstablishedTCP], "EstablishedTCP", c.EstablishedTCP, 350 * time.Second},
		{&t.life[flowcache.Established], "Established", c.Established, 30 * time.Second},
		{&t.life[flowcache.Closing], "Closing", c.Closing, 60 * time.Second},
		{&t.promoteAfter, "PromoteAfter", c.PromoteAfter, 0},
		{&grace, "DownGrace", c.DownGrace, 30 * time.Second},
		{&t.restoreGrace, "RestoreGrace", c.RestoreGrace, 30 * time.Second},
	} {
		if d.value < 0 || d.value > maxTimeout {
			return t, &flowcache.ConfigError{Field: d.name, Value: d.value, Reason: "not within 0 to " +
				maxTimeout.String()}
		}
		if *d.to = d.value; d.value == 0 {
			*d.to = d.std
		}
	}
	probation := t.life[flowcache.Probation]
	if t.promoteAfter == 0 {
		t.promoteAfter = probation / 8
	}
	if t.promoteAfter >= probation {
		return t, &flowcache.ConfigError{Field: "PromoteAfter", Value: t.promoteAfter,
			Reason: "not less than Probation"}
	}
	if err := t.addClass(c.Classes); err != nil {
		return t, err
	}
	t.life[flowcache.Adopted] = t.life[flowcache.EstablishedTCP]
	for s := range t.life {
		t.grace[s] = grace
		if flowcache.State(s) > flowcache.Adopted {
			t.refresh[s] = min(t.life[s]/8, grace/4)
			t.life[s] += t.refresh[s]
			t.grace[s] += t.refresh[s]
		}
	}
	return t, nil
}

// addClass adds the class of flows that are many connections.
func (t *timeouts) addClass(classes []flowcache.ClassConfig) error {
	t.life[affinity] = t.life[flowcache.Established]
	if len(classes) == 0 {
		return nil
	}
	c := classes[0]
	switch {
	case len(classes) > 1:
		return &flowcache.ConfigError{Field: "Classes", Value: len(classes),
			Reason: "no packet here has the second one"}
	case c.Sure:
		return &flowcache.ConfigError{Field: "Classes", Value: c.Name,
			Reason: "no first packet establishes a flow here"}
	case c.Idle <= 0 || c.Idle > maxTimeout:
		return &flowcache.ConfigError{Field: "Classes", Value: c.Idle, Reason: "not within 0 to " + maxTimeout.String()}
	}
	t.life[affinity], t.class = c.Idle, c.Name
	return nil
}

// established returns the state of an established flow of a class.
func (t *timeouts) established(c flowcache.Class) flowcache.State {
	switch {
	case c == flowcache.ClassTCP:
		return flowcache.EstablishedTCP
	case c == flowcache.FirstClass && t.class != "":
		return affinity
	}
	return flowcache.Established
}

const maxTimeout = 512 * time.Hour // that of a flowcache.Config

// longest is the greatest age of a pin that has not expired, where some may be
// those of clients or where none is.
func (t *timeouts) longest(clients bool) time.Duration {
	if !clients {
		return slices.Max(t.life[:affinity])
	}
	return slices.Max(t.life[:])
}

func (t *timeouts) expired(w pin, stamp uint64) bool { return w.age(stamp) > t.life[w.state()] }

// follow returns what a packet of a flow with the pin w meets. Pinned: the flow
// stays, and next is its pin from then on. Else a member is to be selected:
// Placed and Moved make a new pin, Detoured leaves it as it is. The slow path
// calls follow; the program does the same in its own code, and tests compare
// the two.
func (t *timeouts) follow(w pin, hop hopState, class flowcache.Class, flags hash.TCPFlags, stamp uint64) (
	v flowcache.Verdict, next pin,
) {
	age, s := w.age(stamp), w.state()
	if age > t.life[s] {
		return flowcache.Placed, w
	}
	if hop == hopGone {
		return flowcache.Moved, w
	}
	if hop == hopAwaited {
		return flowcache.Detoured, w
	}
	if hop == hopReleasing {
		if flags == 0 {
			return flowcache.Moved, w
		}
		hop = hopDrained
	}
	step := life.Next(life.State(s), life.EventOf(flags, age > t.promoteAfter), hop == hopAlive)
	switch {
	case step == life.Renew:
		return flowcache.Placed, w
	case hop == hopDown && age > t.grace[s]:
		return flowcache.Moved, w
	case hop == hopDown:
		return flowcache.Detoured, w
	case step == life.Keep, step == life.Refresh && age < t.refresh[s]:
		return flowcache.Pinned, w
	case step == life.Establish:
		s = t.established(class)
	case step == life.Close:
		s = flowcache.Closing
	}
	return flowcache.Pinned, newPin(stamp, w.slot(), s)
}

// firstState is the state of a new flow's pin.
func firstState(flags hash.TCPFlags) flowcache.State {
	return flowcache.State(life.First(life.EventOf(flags, false)))
}

// The protocols that carry IP.
const (
	protoIPv4 = 4
	protoIPv6 = 41
)
