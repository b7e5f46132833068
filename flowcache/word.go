package flowcache

// A word is a pin as the table holds it: tag 36 | slot 16 | tick 10 | state 2
// bits. No pin is the word 0, since no tag is 0.
type word uint64

const (
	tagShift  = 28
	slotShift = 12
	tickShift = 2

	tickWrap = 1 << 10
	tickMask = tickWrap - 1

	// Another worker, whose clock is up to this far ahead, may have touched a
	// pin; its age is none then.
	aheadTicks = 64
)

// newWord makes a word; the tick is taken modulo tickWrap.
func newWord(tag uint64, slot uint16, tick uint32, s State) word {
	return word(tag<<tagShift | uint64(slot)<<slotShift | uint64(tick&tickMask)<<tickShift | uint64(s))
}

// tagOf is the part of a digest that a word keeps: the high 36 bits, of which
// none is 0. The others choose the buckets.
func tagOf(digest uint64) uint64 {
	return max(digest>>tagShift, 1)
}

func (w word) tag() uint64  { return uint64(w >> tagShift) }
func (w word) slot() uint16 { return uint16(w >> slotShift) }
func (w word) state() State { return State(w & 3) }
func (w word) tick() uint32 { return uint32(w>>tickShift) & tickMask }

// steps returns how many ticks the clock has gone on since, round and round: a
// great number if it is behind.
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

func (w word) withSlot(slot uint16) word {
	return newWord(w.tag(), slot, w.tick(), w.state())
}
