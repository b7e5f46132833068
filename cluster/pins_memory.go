package cluster

import (
	"encoding/binary"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
)

// A memory knows which pins all gateways were told of lately, by this gateway
// or by another one. So scans that come one upon another don't tell of a pin
// again, nor does a gateway that has imported it.
//
// What it knows counts for half the timeout of a pin: others keep one that had
// a packet lately for longer. What it forgets, or has no room for, is told
// again. It is two sets, of this period and of the one before.
type memory struct {
	now, before told
	period      time.Duration
	turn        time.Duration // when the next period begins
	least, most int           // places of a set
	unit        time.Duration // of the age of an entry
	leases      [flowcache.States]time.Duration
	counts      [flowcache.States]uint // for how many units, of who was told of this state
	shortest    uint                   // of the established ones
	table       *flowcache.Table
	roll        *roll
	touched     uint64 // has no meaning
	notes       notes
}

// A telling is what was told of a flow: the slot 16 | how 2 | time 14 bits. Two
// gateways may have pins of a flow to different members, and each tells of its
// own: so the lowest bit of a flow's number says who told.
type telling uint32

const (
	tellingSlot = 16
	tellingHow  = 14
	timeMask    = 1<<tellingHow - 1
	theirs      = 1
	flowTag     = 29 // where the tag is in the number of a flow
)

func (w telling) how() telling         { return w >> tellingHow & 3 }
func (w telling) slot() telling        { return w >> tellingSlot }
func (w telling) since(o telling) uint { return uint(w-o) & timeMask }

// How others were told of a pin.
const (
	howYoung   telling = iota // on probation
	howClosing                // of a connection that ends
	howIdle                   // adopted, or established and long without a packet
	howSeen                   // established, with a packet not long ago
)

func newMemory(t *flowcache.Table, shares [flowcache.States]bool) *memory {
	m := &memory{table: t, least: 1024, most: 1024, unit: t.Config().Probation / 2}
	for m.least < t.Cap()/16 {
		m.least *= 2
	}
	for m.most < t.Cap()/4 {
		m.most *= 2
	}
	m.shortest = timeMask / 2
	m.roll = newRoll(t, m.least/2)
	m.notes = newNotes(min(m.most, maxNotes))
	for i, is := range shares {
		s := flowcache.State(i)
		m.leases[i] = t.Lease(s)
		m.counts[i] = min(uint(t.Timeout(s)/2/m.unit), timeMask/2)
		if !is {
			continue
		}
		m.period = max(m.period, t.Timeout(s)/4)
		if s >= flowcache.Established {
			m.shortest = min(m.shortest, m.counts[i])
		}
	}
	m.period = min(m.period, timeMask/4*m.unit)
	m.forget()
	return m
}

// forget has everything told again: what was sent may not have left here.
func (m *memory) forget() {
	m.now, m.before = m.now.emptied(m.least), m.before.emptied(m.least)
	m.notes.clear()
}

// turnOver begins a new period when it is time.
func (m *memory) turnOver(now time.Duration) {
	if now < m.turn {
		return
	}
	m.turn = now + m.period
	if m.now.used+m.before.used > 0 {
		m.before, m.now = m.now, m.before.emptied(m.least)
	}
}

// isNews reports whether others have to be told of a pin, and notes that they
// are. If always, they are told even of what they know.
func (m *memory) isNews(p *flowcache.Pin, always bool, now time.Duration) bool {
	flow, what := m.flow(p.Key), m.telling(p, now)
	if !always && m.knows(flow, what, p.State) {
		return false
	}
	m.note(note{flow, what, p.State}, now)
	return true
}

// heard notes that another gateway told of pins, while there is room.
func (m *memory) heard(pins []flowcache.Pin, now time.Duration) {
	if 2*(m.now.used+1) > m.most {
		return
	}
	for i := range pins {
		p := &pins[i]
		m.note(note{m.flow(p.Key) | theirs, m.telling(p, now), p.State}, now)
	}
	m.notes.heard = m.notes.heard || len(pins) > 0
}

// wasTold reports whether this gateway told of a pin since then. It may have if
// that is not remembered.
func (m *memory) wasTold(p *flowcache.Pin, since, now time.Duration) bool {
	flow, what := m.flow(p.Key), m.telling(p, now)
	switch own, ok := m.recall(flow); {
	case !ok || own.slot() != what.slot():
		other, ok := m.recall(flow | theirs)
		return !ok || other.slot() != what.slot()
	case own.how() == howYoung:
		return true
	default:
		return what.since(own) <= uint(now/m.unit-since/m.unit)
	}
}

// flow returns the number of a flow, whichever of its two buckets a key has:
// the tag 34 | bucket 28 bits, and one for who told.
func (m *memory) flow(k flowcache.Key) uint64 {
	k = m.table.Canonical(k)
	return tagOf(k)<<flowTag | uint64(k.Bucket())<<1
}

// telling returns what others are told of a pin now.
func (m *memory) telling(p *flowcache.Pin, now time.Duration) telling {
	how := howSeen
	switch {
	case p.State == flowcache.Probation:
		how = howYoung
	case p.State == flowcache.Closing:
		how = howClosing
	case p.State == flowcache.Adopted, p.Age > m.leases[p.State&stateMask]:
		how = howIdle
	}
	return telling(uint16(p.Slot))<<tellingSlot | how<<tellingHow | telling(now/m.unit)&timeMask
}

// knows reports whether others need not be told of a pin.
func (m *memory) knows(flow uint64, what telling, s flowcache.State) bool {
	for _, by := range [...]uint64{flow, flow | theirs} {
		if was, ok := m.recall(by); ok && m.covers(was, what, s) {
			return true
		}
	}
	return false
}

// covers reports whether who was told one thing need not be told another one of
// the flow: it has that, or will keep an older pin for as long.
func (m *memory) covers(was, is telling, s flowcache.State) bool {
	if was.slot() != is.slot() {
		return false
	}
	age := is.since(was)
	switch was.how() {
	case howYoung: // a pin on probation may have expired and begun anew
		return is.how() == howYoung && age <= 1
	case howClosing:
		return is.how() == howClosing && age <= m.counts[flowcache.Closing]
	case howIdle:
		return is.how() == howIdle && age <= m.counts[s&stateMask]
	}
	if is.how() == howYoung || is.how() == howClosing {
		return age <= m.shortest
	}
	return age <= m.counts[s&stateMask]
}

// recall returns what was told of a flow last.
func (m *memory) recall(flow uint64) (what telling, ok bool) {
	for _, t := range [...]*told{&m.now, &m.before} {
		if t.used == 0 {
			continue
		}
		if e := t.find(flow); e.flow != 0 {
			return e.what, true
		}
	}
	return 0, false
}

// tagOf returns the tag of a key.
func tagOf(k flowcache.Key) uint64 {
	var b [12]byte
	_, _ = k.AppendBinary(b[:0])
	return binary.LittleEndian.Uint64(b[:])
}
