package flowcache

// A word is a pin as the table holds it: tag 36 | slot 16 | tick 10 | state 2 bits. No pin is the word 0, since no tag is 0.
type word uint64

const (
	tagShift  = 28
	slotShift = 12
	tickShift = 2

	tickWrap   = 1 << 10
	tickMask   = tickWrap - 1
	futureTick = 960 // an age from here on is that of a pin that another worker touched with a clock a little ahead
)

type state uint8

const (
	probation state = iota
	establishedTCP
	established
	closing
)

func newWord(tag uint64, slot uint16, tick uint32, s state) word {
	return word(tag<<tagShift | uint64(slot)<<slotShift | uint64(tick&tickMask)<<tickShift | uint64(s))
}

// tagOf is the part of a digest that a word keeps: the high 36 bits, of which none is 0. The others choose the buckets.
func tagOf(digest uint64) uint64 {
	return max(digest>>tagShift, 1)
}

func (w word) tag() uint64  { return uint64(w >> tagShift) }
func (w word) slot() uint16 { return uint16(w >> slotShift) }
func (w word) state() state { return state(w & 3) }
func (w word) tick() uint32 { return uint32(w>>tickShift) & tickMask }

// age returns how many ticks ago the word was touched.
func (w word) age(now uint32) uint32 {
	age := (now - w.tick()) & tickMask
	if age >= futureTick {
		return 0
	}
	return age
}

func (w word) withSlot(slot uint16) word {
	return newWord(w.tag(), slot, w.tick(), w.state())
}
