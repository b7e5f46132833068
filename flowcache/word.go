package flowcache

import (
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A word is a pin as the table holds it: tag 36 | slot 16 | tick 10 | state 2
// bits. No pin is the word 0, since no tag is 0.
type word uint64

const (
	tagShift  = 28
	slotShift = 12
	tickShift = 2

	maxSlot = 1<<16 - 1

	tickWrap = 1 << 10
	tickMask = tickWrap - 1

	// Another worker, whose clock is up to this far ahead, may have touched a
	// pin; its age is none then.
	aheadTicks = 64
)

// newWord makes a word; the tick is taken modulo tickWrap.
func newWord(tag uint64, slot selector.Slot, tick uint32, s State) word {
	return word(tag<<tagShift | uint64(slot)<<slotShift | uint64(tick&tickMask)<<tickShift | uint64(s))
}

// tagOf is the part of a digest that a word keeps: the high 36 bits, of which
// none is 0. The others choose the buckets.
func tagOf(digest uint64) uint64 {
	return max(digest>>tagShift, 1)
}

func (w word) tag() uint64         { return uint64(w >> tagShift) }
func (w word) slot() selector.Slot { return selector.Slot(w>>slotShift) & maxSlot }
func (w word) state() State        { return State(w & 3) }
func (w word) tick() uint32        { return uint32(w>>tickShift) & tickMask }

// steps returns the ticks since w was written, modulo 1024; just below 1024 if
// now is before that.
func (w word) steps(now uint32) uint32 { return (now - uint32(w>>tickShift)) & tickMask }

// age returns how many ticks ago the word was refreshed.
func (w word) age(now uint32) uint32 {
	return max(w.agePlus(now), aheadTicks) - aheadTicks
}

// agePlus is the age and aheadTicks more, so that a clock a little ahead makes
// it less, and not a great age.
func (w word) agePlus(now uint32) uint32 {
	return w.steps(now + aheadTicks)
}

func (w word) withSlot(slot selector.Slot) word {
	return newWord(w.tag(), slot, w.tick(), w.state())
}

// A State is where a flow is in its life, which decides how long its pin lives.
type State uint8

// The states of a pin. A flow begins on probation.
const (
	Probation State = iota
	EstablishedTCP
	Established
	Closing
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Probation:
		return "probation"
	case EstablishedTCP:
		return "established TCP"
	case Established:
		return "established"
	case Closing:
		return "closing"
	}
	return "invalid"
}

// connection reports whether the packet's flags speak for its flow.
func (p *Packet) connection() bool { return p.Proto == hash.TCP && p.Flags != 0 }

// opens reports whether the packet starts a connection.
func (p *Packet) opens() bool {
	return p.connection() && p.Flags&(hash.SYN|hash.FIN|hash.RST) == hash.SYN
}

// refreshed returns the pin after a packet of its flow. On probation only a
// promotion restarts the clock: a flow that never gets further than repeating
// itself goes. Otherwise the clock restarts when the state changes, or when it
// is time to.
func (t *Table) refreshed(w word, p *Packet, now uint32) word {
	s := t.after(w, p, now)
	if s == w.state() && (s == Probation || w.age(now) < t.clocks.refresh[s]) {
		return w
	}
	return newWord(w.tag(), w.slot(), now, s)
}

// after returns the state that follows that of w.
func (t *Table) after(w word, p *Packet, now uint32) State {
	s := w.state()
	if p.connection() {
		switch {
		case p.Flags&(hash.FIN|hash.RST) != 0:
			return Closing
		case s == Probation && p.Flags&(hash.ACK|hash.SYN) == hash.ACK:
			return EstablishedTCP
		}
		return s
	}
	if s != Probation || w.age(now) <= t.clocks.promoteAfter {
		return s
	}
	if p.Proto == hash.TCP {
		return EstablishedTCP
	}
	return Established
}
