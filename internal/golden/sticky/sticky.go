// Package sticky is a slow, obviously right model of package flowcache, for
// tests: a map of pins without a limit, and the rules one after another. It
// reads the same table of a pin's life, package life.
package sticky

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// A Pin is a flow's remembered member.
type Pin struct {
	Slot  selector.Slot
	State flowcache.State
	Last  int64 // since when the timeout runs, in units of the state

	Heard time.Duration // when the flow's last packet came; on probation, the first

	// Exposed: its member was gone for a while since, so that a small table may
	// have given its place to another flow.
	Exposed bool
}

// A Model routes packets as flowcache.Sticky over a table without limits would.
type Model struct {
	Config flowcache.Config // with every duration set
	Pins   map[uint64]Pin   // by digest

	// Shared: other workers use the table too. One that found a pin's member
	// gone may be about to take the pin's place, also when the member is back.
	Shared bool

	Moves int           // that Rebalance allows
	Idle  time.Duration // after which a flow may move

	Released []*Released
	Ended    int // pins that Sweep voided since a release was over

	Awaited map[selector.Slot]bool // members that Restore waits for
	Until   time.Duration
}

// New returns a model of a table with this configuration, in which every
// duration is set.
func New(c flowcache.Config) *Model {
	return &Model{Config: c, Pins: make(map[uint64]Pin)}
}

// Timeout returns how long a pin in state s must live after a packet.
func (m *Model) Timeout(s flowcache.State) time.Duration {
	switch s {
	case flowcache.Probation:
		return m.Config.Probation
	case flowcache.Adopted, flowcache.EstablishedTCP:
		return m.Config.EstablishedTCP
	case flowcache.Established:
		return m.Config.Established
	case flowcache.Closing:
		return m.Config.Closing
	}
	return m.Config.Classes[s-flowcache.EstablishedTCP-1].Idle
}

// Unit returns the unit of time of a state: the shortest, of a tick and its
// doubles, of which the timeout takes 512 or less.
func (m *Model) Unit(s flowcache.State) time.Duration {
	unit := m.Config.Tick
	for m.Timeout(s) > 512*unit {
		unit *= 2
	}
	return unit
}

// at returns the unit that a time is in, rounded down.
func (m *Model) at(s flowcache.State, now time.Duration) int64 {
	unit := m.Unit(s)
	n := int64(now / unit)
	if now < 0 && now%unit != 0 {
		n--
	}
	return n
}

// up rounds a duration up to units.
func (m *Model) up(s flowcache.State, d time.Duration) int64 {
	unit := m.Unit(s)
	return int64((d + unit - 1) / unit)
}

func (m *Model) age(p Pin, now time.Duration) int64 { return m.at(p.State, now) - p.Last }

// Refresh returns how many units ago a pin in state s must have been refreshed
// for a packet to refresh it again.
func (m *Model) Refresh(s flowcache.State) int64 {
	return max(1, min(m.up(s, m.Timeout(s))/8, m.up(s, m.Config.DownGrace)/4))
}

// slack is the most that the time of a pin lags behind its flow's last packet,
// which is added to timeouts.
func (m *Model) slack(s flowcache.State) int64 {
	if s == flowcache.Probation || s == flowcache.Adopted {
		return 0
	}
	return m.Refresh(s) - 1
}

// Alive reports whether the pin has not expired.
func (m *Model) Alive(p Pin, now time.Duration) bool {
	return m.age(p, now) <= m.up(p.State, m.Timeout(p.State))+m.slack(p.State)
}

// Route routes a packet and remembers what a table would.
func (m *Model) Route(p *flowcache.Packet, v *selector.View, now time.Duration) flowcache.Route {
	if p.Mode == flowcache.Skip {
		return flowcache.Route{Member: -1, Verdict: flowcache.NoMember}
	}
	pin, pinned := m.Pins[p.Digest]
	if pinned && !m.Alive(pin, now) {
		delete(m.Pins, p.Digest)
		pinned = false
	}
	if p.Mode == flowcache.LookupOnly {
		return m.lookUp(p, v, pin, pinned, now)
	}
	if !pinned {
		return m.place(p, v, now, flowcache.Placed)
	}
	member, known := memberOf(v, pin.Slot)
	if !known {
		return m.unknown(p, v, pin, now)
	}
	if r, ok := m.release(p, v, pin, member, now); ok {
		return r
	}
	alive := v.Usable(member)
	step := life.Next(life.State(pin.State), m.event(p, pin, now), alive && takesNew(v, member))
	if step == life.Renew {
		if r := m.place(p, v, now, flowcache.Placed); r.Verdict != flowcache.NoMember || !alive {
			return r
		}
		step = life.Keep
	}
	if !alive {
		if m.age(pin, now) > m.up(pin.State, m.Config.DownGrace)+m.slack(pin.State) {
			return m.place(p, v, now, flowcache.Moved)
		}
		return selected(p, v, flowcache.Detoured)
	}
	return m.keep(p, v, pin, step, member, now)
}

func (m *Model) unknown(p *flowcache.Packet, v *selector.View, pin Pin, now time.Duration) flowcache.Route {
	switch {
	case !v.Latest():
		return selected(p, v, flowcache.Unpinned)
	case v.InScope(pin.Slot):
		return m.place(p, v, now, flowcache.Rebalanced)
	case m.Awaited[pin.Slot] && now < m.Until:
		return selected(p, v, flowcache.Detoured)
	}
	return m.place(p, v, now, flowcache.Moved)
}

func (m *Model) event(p *flowcache.Packet, pin Pin, now time.Duration) life.Event {
	return life.EventOf(p.Flags, m.age(pin, now) > m.up(pin.State, m.Config.PromoteAfter))
}

// keep makes a step that leaves the flow with its member, unless it may be
// rebalanced.
func (m *Model) keep(p *flowcache.Packet, v *selector.View, pin Pin, step life.Step, member int32,
	now time.Duration) flowcache.Route {
	before := pin
	switch step {
	case life.Establish:
		pin.State = flowcache.Established
		if int(p.Class) < 2+len(m.Config.Classes) {
			pin.State += flowcache.State(p.Class)
		}
	case life.Close:
		pin.State = flowcache.Closing
	}
	if pin.State > flowcache.Adopted && step != life.Keep {
		pin.Heard = now
	}
	if pin.State != before.State || step == life.Refresh && m.age(pin, now) >= m.Refresh(pin.State) {
		pin.Last = m.at(pin.State, now)
	}
	idle := m.Unit(before.State) * time.Duration(m.age(before, now)-m.slack(before.State))
	own := selected(p, v, flowcache.Rebalanced)
	if m.Moves > 0 && idle >= max(m.Config.Tick, m.Idle) && own.Member >= 0 && own.Member != member &&
		m.inUse(v.Slot(own.Member)) {
		m.Moves--
		pin.Slot, pin.Last, pin.Heard = v.Slot(own.Member), m.at(pin.State, now), now
		m.Pins[p.Digest] = pin
		if v.Settled(p.Digest^v.Salt(), own.Member) {
			delete(m.Pins, p.Digest)
		}
		return own
	}
	m.Pins[p.Digest] = pin
	return flowcache.Route{Member: member, Verdict: flowcache.Pinned}
}

func (m *Model) lookUp(p *flowcache.Packet, v *selector.View, pin Pin, pinned bool, now time.Duration) flowcache.Route {
	if !pinned {
		return chosen(p, v, flowcache.Unpinned)
	}
	member, known := memberOf(v, pin.Slot)
	if !known {
		return selected(p, v, flowcache.Unpinned)
	}
	if r, ok := m.release(p, v, pin, member, now); ok {
		return r
	}
	if !v.Usable(member) {
		return selected(p, v, flowcache.Detoured)
	}
	return flowcache.Route{Member: member, Verdict: flowcache.Pinned}
}

// place selects a member and pins the flow to it.
func (m *Model) place(p *flowcache.Packet, v *selector.View, now time.Duration,
	verdict flowcache.Verdict) flowcache.Route {
	r := selected(p, v, verdict)
	if verdict == flowcache.Placed {
		r = chosen(p, v, verdict)
	}
	if r.Verdict == flowcache.NoMember {
		return r
	}
	slot := v.Slot(r.Member)
	// it is not if the member left after the view was made
	if slot != selector.NoSlot && m.inUse(slot) && !v.Settled(p.Digest^v.Salt(), r.Member) {
		s := m.first(p)
		m.Pins[p.Digest] = Pin{Slot: slot, State: s, Last: m.at(s, now), Heard: now}
		return r
	}
	delete(m.Pins, p.Digest)
	if verdict == flowcache.Placed {
		r.Verdict = flowcache.Unpinned
	}
	return r
}

// first returns the state of a new flow.
func (m *Model) first(p *flowcache.Packet) flowcache.State {
	if i := int(p.Class) - 2; i >= 0 && i < len(m.Config.Classes) && m.Config.Classes[i].Sure {
		return flowcache.Established + flowcache.State(p.Class)
	}
	if p.Flags&(hash.SYN|hash.FIN|hash.RST|hash.ACK) == hash.ACK {
		return flowcache.Adopted
	}
	return flowcache.Probation
}

// Sweep removes what has expired and voids the pins of slots that nobody may
// have back, and those that a release is over for.
func (m *Model) Sweep(now time.Duration) {
	m.endReleases()
	for digest, pin := range m.Pins {
		switch {
		case !m.Alive(pin, now):
			delete(m.Pins, digest)
		case !m.Config.Domain.Slots(slots.Insider{}).Held(uint16(pin.Slot)):
			pin.Slot = selector.NoSlot
			m.Pins[digest] = pin
		case m.over(pin, now):
			m.Ended++
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
// got. A small table may have lost a pin on probation, an adopted one, or one
// whose member was gone, to another flow. It may refuse a new flow, and put one
// on probation that is to be adopted. It may never lose any other.
func (m *Model) Check(p *flowcache.Packet, v *selector.View, now time.Duration, got flowcache.Route) error {
	before, had := m.Pins[p.Digest]
	want := m.Route(p, v, now)
	if got == want {
		if pin, ok := m.Pins[p.Digest]; ok && got.Verdict == flowcache.Pinned && m.inUse(pin.Slot) && !m.Shared {
			pin.Exposed = false
			m.Pins[p.Digest] = pin
		}
		return nil
	}
	if had && m.mayLose(before, now) {
		delete(m.Pins, p.Digest)
		want = m.Route(p, v, now)
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

func (m *Model) mayLose(pin Pin, now time.Duration) bool {
	return pin.State <= flowcache.Adopted || pin.Exposed || !m.inUse(pin.Slot) || !m.Alive(pin, now)
}

func (m *Model) inUse(slot selector.Slot) bool {
	return m.Config.Domain.Slots(slots.Insider{}).InUse(uint16(slot))
}

func memberOf(v *selector.View, slot selector.Slot) (index int32, known bool) {
	for i := range v.All() {
		if slot != selector.NoSlot && v.Slot(i) == slot {
			return i, true
		}
	}
	return -1, false
}

// chosen is the route of a flow without a pin. One that goes on in TCP is older
// than a change that is not settled: it goes by the view before.
func chosen(p *flowcache.Packet, v *selector.View, verdict flowcache.Verdict) flowcache.Route {
	before := v.Previous()
	if before == nil || p.Flags == 0 || p.Flags&hash.SYN != 0 {
		return selected(p, v, verdict)
	}
	was := before.Select(p.Digest ^ v.Salt())
	if was < 0 {
		return selected(p, v, verdict)
	}
	member, known := memberOf(v, before.Slot(was))
	if !known {
		return selected(p, v, verdict)
	}
	return flowcache.Route{Member: member, Verdict: verdict}
}

// takesNew reports whether a member that is up takes new flows: it is not
// drained, and if it is a backup, no primary can take them.
func takesNew(v *selector.View, member int32) bool {
	for i, m := range v.All() {
		if v.Backup(member) && !v.Backup(i) && m.Weight > 0 && v.Usable(i) {
			return false
		}
	}
	return !v.Drained(member)
}

func selected(p *flowcache.Packet, v *selector.View, verdict flowcache.Verdict) flowcache.Route {
	member := v.Select(p.Digest ^ v.Salt())
	if member < 0 {
		return flowcache.Route{Member: -1, Verdict: flowcache.NoMember}
	}
	return flowcache.Route{Member: member, Verdict: verdict}
}
