package flowcache

import (
	"strconv"

	"github.com/ecmp-go/ecmp/internal/life"
	"github.com/ecmp-go/ecmp/selector"
)

// A State is where a flow is in its life, which decides how long its pin lives.
type State uint8

// The states of a pin. A flow begins on probation, or adopted. The states from
// Established on are those of established flows; after EstablishedTCP come
// those of Config.Classes, in their order.
const (
	Probation      = State(life.Probation)
	Adopted        = State(life.Adopted) // TCP met in mid-life, and not yet a second time
	Closing        = State(life.Closing)
	Established    = State(life.Other)
	EstablishedTCP = State(life.TCP)

	// States is how many there are.
	States = life.States
)

// String returns the state's name, "class 0" for that of the first class:
// [Table.StateName] knows the names of classes.
func (s State) String() string {
	switch s {
	case Probation:
		return "probation"
	case Adopted:
		return "adopted"
	case Closing:
		return "closing"
	case Established:
		return "established"
	case EstablishedTCP:
		return "established TCP"
	}
	if s < States {
		return "class " + strconv.Itoa(int(s-State(life.FirstClass)))
	}
	return "invalid"
}

// StateName returns the name of a state, that of the class for a class of the
// table.
func (t *Table) StateName(s State) string {
	if i := int(s) - int(life.FirstClass); i >= 0 && i < len(t.config.Classes) {
		return t.config.Classes[i].Name
	}
	return s.String()
}

// A word is a pin as the table holds it: tag 34 | slot 16 | tick 10 | state 4
// bits. The tick is in the unit of the state. No pin is the word 0, since no
// tag is 0.
type word uint64

const (
	tagShift  = 30
	slotShift = 14
	tickShift = 4

	maxSlot   = 1<<16 - 1
	tickWrap  = 1 << 10
	tickMask  = tickWrap - 1
	stateMask = States - 1
)

// A moment is a tick in the unit of each state.
type moment [States]uint32

// newWord makes a word of this moment.
func newWord(tag uint64, slot selector.Slot, now *moment, s State) word {
	return wordOf(tag, slot, now[s&stateMask], s)
}

// wordOf makes a word of this tick, which is taken modulo tickWrap.
func wordOf(tag uint64, slot selector.Slot, tick uint32, s State) word {
	return word(tag<<tagShift | uint64(slot)<<slotShift | uint64(tick&tickMask)<<tickShift | uint64(s))
}

// tagOf is the part of a digest that a word keeps: the high 34 bits, of which
// none is 0. The others choose the buckets.
func tagOf(digest uint64) uint64 {
	return max(digest>>tagShift, 1)
}

func (w word) tag() uint64         { return uint64(w >> tagShift) }
func (w word) slot() selector.Slot { return selector.Slot(w>>slotShift) & maxSlot }
func (w word) state() State        { return State(w & stateMask) }
func (w word) tick() uint32        { return uint32(w>>tickShift) & tickMask }

// steps returns the time since w was written, in units of its state, modulo
// 1024: just below 1024 if now is before that.
func (w word) steps(now *moment) uint32 {
	return (now[w&stateMask] - uint32(w>>tickShift)) & tickMask
}

func (w word) withSlot(slot selector.Slot) word {
	return wordOf(w.tag(), slot, w.tick(), w.state())
}
