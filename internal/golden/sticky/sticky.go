// Package sticky is a slow, obviously right model of package flowcache, for
// tests: a map of pins without a limit, and the rules one after another.
package sticky

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// State is where a flow is in its life.
type State int

// The states of a pin.
const (
	Probation State = iota
	EstablishedTCP
	EstablishedOther
	Closing
)

// A Pin is a flow's remembered member.
type Pin struct {
	Slot  selector.Slot
	State State
	Last  int64 // tick since which the timeout runs

	Heard int64 // when the flow's last packet came; on probation, the first

	// Exposed: its member was gone for a while since, so that a small table may
	// have given its place to another flow.
	Exposed bool
}

// A Model routes packets as flowcache.Sticky over a table without limits would.
type Model struct {
	Config flowcache.Config // with every duration set
	Pins   map[uint64]Pin   // by digest

	Moves int           // that Rebalance allows
	Idle  time.Duration // after which a flow may move
}

// New returns a model of a table with this configuration, in which every
// duration is set.
func New(c flowcache.Config) *Model {
	return &Model{Config: c, Pins: make(map[uint64]Pin)}
}

func (m *Model) tick(now int64) int64 { return now / int64(m.Config.Tick) }

// ticks rounds a duration up.
func (m *Model) ticks(d time.Duration) int64 {
	return (int64(d) + int64(m.Config.Tick) - 1) / int64(m.Config.Tick)
}

// Refresh returns how many ticks ago a pin in state s must have been refreshed
// for a packet to refresh it again.
func (m *Model) Refresh(s State) int64 {
	return max(1, min(m.Timeout(s)/8, m.ticks(m.Config.DownGrace)/4))
}

// slack is the most that the tick of a pin lags behind its flow's last packet,
// which is added to timeouts.
func (m *Model) slack(s State) int64 {
	if s == Probation {
		return 0
	}
	return m.Refresh(s) - 1
}

// Timeout returns the ticks that a pin in state s must live for after a packet.
func (m *Model) Timeout(s State) int64 {
	switch s {
	case Probation:
		return m.ticks(m.Config.Probation)
	case EstablishedTCP:
		return m.ticks(m.Config.EstablishedTCP)
	case EstablishedOther:
		return m.ticks(m.Config.Established)
	default:
		return m.ticks(m.Config.Closing)
	}
}

// Alive reports whether the pin has not expired.
func (m *Model) Alive(p Pin, now int64) bool {
	return m.tick(now)-p.Last <= m.Timeout(p.State)+m.slack(p.State)
}

// Route routes a packet and remembers what a table would.
func (m *Model) Route(p *flowcache.Packet, now int64) flowcache.Route {
	pin, pinned := m.Pins[p.Digest]
	if pinned && !m.Alive(pin, now) {
		delete(m.Pins, p.Digest)
		pinned = false
	}
	if p.LookupOnly {
		return m.lookUp(p, pin, pinned)
	}
	if !pinned {
		return m.place(p, now, flowcache.Placed)
	}
	member, known := memberOf(p.View, pin.Slot)
	if !known {
		if !p.View.Latest() {
			return selected(p, flowcache.Unpinned)
		}
		if p.View.InScope(pin.Slot) {
			return m.place(p, now, flowcache.Rebalanced)
		}
		return m.place(p, now, flowcache.Moved)
	}
	if !p.View.Alive(member) {
		if m.tick(now)-pin.Last > m.ticks(m.Config.DownGrace)+m.slack(pin.State) {
			return m.place(p, now, flowcache.Moved)
		}
		return selected(p, flowcache.Detoured)
	}
	if pin.State == Closing && isTCP(p) && has(p, hash.SYN) && !has(p, hash.FIN) && !has(p, hash.RST) {
		return m.place(p, now, flowcache.Placed)
	}
	pin = m.touch(pin, p, now)
	idle := m.tick(now) - m.Pins[p.Digest].Last - m.slack(m.Pins[p.Digest].State)
	own := selected(p, flowcache.Rebalanced)
	if m.Moves > 0 && idle >= max(1, m.ticks(m.Idle)) && own.Member >= 0 && int(own.Member) != member &&
		m.inUse(p.View.Slot(int(own.Member))) {
		m.Moves--
		pin.Slot, pin.Last, pin.Heard = p.View.Slot(int(own.Member)), m.tick(now), now
		m.Pins[p.Digest] = pin
		if p.View.Settled(p.Hash, int(own.Member)) {
			delete(m.Pins, p.Digest)
		}
		return own
	}
	m.Pins[p.Digest] = pin
	return flowcache.Route{Member: int32(member), Verdict: flowcache.Pinned}
}

func (m *Model) lookUp(p *flowcache.Packet, pin Pin, pinned bool) flowcache.Route {
	if !pinned {
		return selected(p, flowcache.Unpinned)
	}
	member, known := memberOf(p.View, pin.Slot)
	if !known {
		return selected(p, flowcache.Unpinned)
	}
	if !p.View.Alive(member) {
		return selected(p, flowcache.Detoured)
	}
	return flowcache.Route{Member: int32(member), Verdict: flowcache.Pinned}
}

// place selects a member and pins the flow to it, on probation.
func (m *Model) place(p *flowcache.Packet, now int64, v flowcache.Verdict) flowcache.Route {
	r := selected(p, v)
	if r.Verdict == flowcache.NoMember {
		return r
	}
	slot := p.View.Slot(int(r.Member))
	// it is not if the member left after the view was made
	if slot != selector.NoSlot && m.inUse(slot) && !p.View.Settled(p.Hash, int(r.Member)) {
		m.Pins[p.Digest] = Pin{Slot: slot, State: Probation, Last: m.tick(now), Heard: now}
		return r
	}
	delete(m.Pins, p.Digest)
	if v == flowcache.Placed {
		r.Verdict = flowcache.Unpinned
	}
	return r
}

func (m *Model) touch(pin Pin, p *flowcache.Packet, now int64) Pin {
	before := pin.State
	if isTCP(p) {
		switch {
		case has(p, hash.FIN) || has(p, hash.RST):
			pin.State = Closing
		case pin.State == Probation && has(p, hash.ACK) && !has(p, hash.SYN):
			pin.State = EstablishedTCP
		}
	} else if pin.State == Probation && m.tick(now)-pin.Last > m.ticks(m.Config.PromoteAfter) {
		if p.Proto == hash.TCP {
			pin.State = EstablishedTCP
		} else {
			pin.State = EstablishedOther
		}
	}
	if pin.State == Probation {
		return pin
	}
	pin.Heard = now
	if pin.State != before || m.tick(now)-pin.Last >= m.Refresh(pin.State) {
		pin.Last = m.tick(now)
	}
	return pin
}

// Sweep removes what has expired and voids the pins of members that left.
func (m *Model) Sweep(now int64) {
	for digest, pin := range m.Pins {
		switch {
		case !m.Alive(pin, now):
			delete(m.Pins, digest)
		case !m.Config.Domain.Slots().Held(uint16(pin.Slot)):
			pin.Slot = selector.NoSlot
			m.Pins[digest] = pin
		}
	}
}

// Expose tells the model that members were gone for a moment at least: those of
// the slots for which gone is true.
func (m *Model) Expose(gone func(selector.Slot) bool) {
	for digest, pin := range m.Pins {
		if gone(pin.Slot) {
			pin.Exposed = true
			m.Pins[digest] = pin
		}
	}
}

// Check routes a packet and reports where a table of any size may not answer as
// got. A small table may have lost a pin on probation, or one that is void, to
// another flow; and it may refuse a new flow. It may never lose any other.
func (m *Model) Check(p *flowcache.Packet, now int64, got flowcache.Route) error {
	before, had := m.Pins[p.Digest]
	want := m.Route(p, now)
	if got == want {
		if pin, ok := m.Pins[p.Digest]; ok && got.Verdict == flowcache.Pinned {
			pin.Exposed = false
			m.Pins[p.Digest] = pin
		}
		return nil
	}
	if had && m.mayLose(before, now) {
		delete(m.Pins, p.Digest)
		want = m.Route(p, now)
	}
	if got.Verdict == flowcache.Refused && want.Verdict == flowcache.Placed {
		delete(m.Pins, p.Digest)
		want.Verdict = flowcache.Refused
	}
	if got != want {
		return fmt.Errorf("packet %+v: got %v, want %v; pin before: %v %+v", *p, got, want, had, before)
	}
	return nil
}

func (m *Model) mayLose(pin Pin, now int64) bool {
	return pin.State == Probation || pin.Exposed || !m.inUse(pin.Slot) || !m.Alive(pin, now)
}

func memberOf(v *selector.View, slot selector.Slot) (index int, known bool) {
	for i := range v.All() {
		if slot != selector.NoSlot && v.Slot(i) == slot {
			return i, true
		}
	}
	return -1, false
}

func selected(p *flowcache.Packet, v flowcache.Verdict) flowcache.Route {
	member := p.View.Select(p.Hash)
	if member < 0 {
		return flowcache.Route{Member: -1, Verdict: flowcache.NoMember}
	}
	return flowcache.Route{Member: int32(member), Verdict: v}
}

func isTCP(p *flowcache.Packet) bool { return p.Proto == hash.TCP && p.Flags != 0 }

func has(p *flowcache.Packet, f hash.TCPFlags) bool { return p.Flags&f != 0 }

func (m *Model) inUse(slot selector.Slot) bool { return m.Config.Domain.Slots().InUse(uint16(slot)) }
