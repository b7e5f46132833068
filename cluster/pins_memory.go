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
	counts      [flowcache.States]uint64 // for how many units, of who was told of this state
	shortest    uint64                   // of the established ones
	roll        *roll
}

// A told is a set of entries by their keys, with open addressing. At most half of
// its places are taken, so that one is always free.
type told struct {
	entries []uint64 // their number is a power of two; 0: a free place
	used    int
}

// An entry has the tag 34 | slot 16 | how 2 | theirs 1 | time 11 bits; its key
// is the tag and theirs. In a table of a million flows some tens share a tag: of
// two that deviate at one slot, only one is told until the next lease.
const (
	howShift   = 12
	theirsFlag = 1 << 11 // another gateway told it
	timeMask   = 1<<11 - 1
)

// How others were told of a pin.
const (
	howYoung   = iota // on probation
	howClosing        // of a connection that ends
	howIdle           // adopted, or established and long without a packet
	howSeen           // established, with a packet not long ago
)

func newMemory(t *flowcache.Table, shares [flowcache.States]bool) *memory {
	m := &memory{least: 1024, most: 1024, unit: t.Config().Probation / 2}
	for m.least < t.Cap()/16 {
		m.least *= 2
	}
	for m.most < t.Cap()/2 {
		m.most *= 2
	}
	m.shortest = timeMask / 2
	m.roll = newRoll(t, m.least/2)
	for i, is := range shares {
		s := flowcache.State(i)
		m.leases[i] = t.Lease(s)
		m.counts[i] = min(uint64(t.Timeout(s)/2/m.unit), timeMask/2)
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

func newTold(places int) told { return told{entries: make([]uint64, places)} }

// forget has everything told again: what was sent may not have left here.
func (m *memory) forget() {
	for _, t := range [...]*told{&m.now, &m.before} {
		if len(t.entries) != m.least {
			*t = newTold(m.least)
		} else if t.used > 0 {
			clear(t.entries)
			t.used = 0
		}
	}
}

// turnOver begins a new period when it is time.
func (m *memory) turnOver(now time.Duration) {
	if now < m.turn {
		return
	}
	m.turn = now + m.period
	if m.now.used+m.before.used > 0 {
		m.before, m.now = m.now, newTold(m.least)
	}
}

// isNews reports whether others have to be told of a pin, and remembers that
// they are. If always, they are told even of what they know.
func (m *memory) isNews(p *flowcache.Pin, always bool, now time.Duration) bool {
	e := m.entry(p, now)
	if !always && m.knows(e, p) {
		return false
	}
	m.put(e)
	return true
}

// heard remembers that another gateway told of a pin.
func (m *memory) heard(p *flowcache.Pin, now time.Duration) {
	if e := m.entry(p, now); !m.knows(e, p) {
		m.put(e | theirsFlag)
	}
}

func (m *memory) put(e uint64) {
	m.now.put(e, m.most)
	if e>>howShift&3 != howYoung {
		m.roll.put(e)
	}
}

// wasTold reports whether this gateway told of a pin since then. It may have if
// that is not remembered.
func (m *memory) wasTold(p *flowcache.Pin, since, now time.Duration) bool {
	e := m.entry(p, now)
	switch own := m.recall(e); {
	case own>>indexShift != e>>indexShift:
		return m.recall(e|theirsFlag)>>indexShift != e>>indexShift
	case own>>howShift&3 == howYoung:
		return true
	default:
		return (e-own)&timeMask <= m.time(now)-m.time(since)
	}
}

func (m *memory) time(now time.Duration) uint64 { return uint64(now / m.unit) }

// entry returns the entry of a pin that others are told of now.
func (m *memory) entry(p *flowcache.Pin, now time.Duration) uint64 {
	how := uint64(howSeen)
	switch {
	case p.State == flowcache.Probation:
		how = howYoung
	case p.State == flowcache.Closing:
		how = howClosing
	case p.State == flowcache.Adopted, p.Age > m.leases[p.State&stateMask]:
		how = howIdle
	}
	return tagOf(p.Key)<<tagShift | uint64(p.Slot)&maxMembers<<indexShift | how<<howShift | m.time(now)&timeMask
}

// knows reports whether others need not be told of a pin, whose entry is e.
func (m *memory) knows(e uint64, p *flowcache.Pin) bool {
	return m.covers(m.recall(e), e, p) || m.covers(m.recall(e|theirsFlag), e, p)
}

// covers reports whether who was told of one pin need not be told of another
// one: it has that, or will keep an older one of the flow for as long.
func (m *memory) covers(was, e uint64, p *flowcache.Pin) bool {
	if was>>indexShift != e>>indexShift {
		return false
	}
	how, age := e>>howShift&3, (e-was)&timeMask
	switch was >> howShift & 3 {
	case howYoung: // a pin on probation may have expired and begun anew
		return how == howYoung && age <= 1
	case howClosing:
		return how == howClosing && age <= m.counts[flowcache.Closing]
	case howIdle:
		return how == howIdle && age <= m.counts[p.State&stateMask]
	}
	if how == howYoung || how == howClosing {
		return age <= m.shortest
	}
	return age <= m.counts[p.State&stateMask]
}

// recall returns the entry with the key of e, 0 if there is none.
func (m *memory) recall(e uint64) uint64 {
	if was := *m.now.find(e); was != 0 {
		return was
	}
	return *m.before.find(e)
}

// keyMask is the key of an entry: two gateways may have pins of a flow to
// different members, and each tells of its own.
const keyMask = ^uint64(1<<tagShift-1) | theirsFlag

// find returns the place of the entry with the key of e, or the free one where
// it would be.
func (t *told) find(e uint64) *uint64 {
	mask := uint64(len(t.entries) - 1)
	for i := e >> tagShift * 0x9e3779b97f4a7c15 >> 24 & mask; ; i = (i + 1) & mask {
		if at := &t.entries[i]; *at == 0 || (*at^e)&keyMask == 0 {
			return at
		}
	}
}

// put adds an entry or replaces the one with its key, as far as there is room.
func (t *told) put(e uint64, most int) {
	at := t.find(e)
	if *at == 0 {
		if 2*(t.used+1) > len(t.entries) {
			if 2*len(t.entries) > most {
				return
			}
			t.grow()
			at = t.find(e)
		}
		t.used++
	}
	*at = e
}

func (t *told) grow() {
	larger := newTold(2 * len(t.entries))
	for _, e := range t.entries {
		if e != 0 {
			*larger.find(e) = e
		}
	}
	t.entries = larger.entries
}

// tagOf returns the tag of a key.
func tagOf(k flowcache.Key) uint64 {
	var b [12]byte
	_, _ = k.AppendBinary(b[:0])
	return binary.LittleEndian.Uint64(b[:])
}
