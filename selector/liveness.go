package selector

import (
	"math/bits"
	"sync/atomic"
)

// A liveness tells which members of a view are up. Look-ups that must avoid
// members that are down read it, [perWord] members at a time. After a change of
// marks, the first look-up that needs a word makes it anew from the marks. So
// it takes no lock and no memory, and a change of a mark takes the same time
// whatever the number of groups.
type liveness struct {
	members []Member
	sorted  bool            // by ID
	marks   []*Mark         // of the members, in every group
	own     []atomic.Uint32 // a bit for each member that is down in this group
	words   []atomic.Uint64 // in the low half a bit for each member that is up; in the high half as of when

	standing atomic.Uint64 // see View.standing; in the high half as of when
}

// A word holds so many members, beside the generation of marks that it is of.
const perWord = 32

func wordsFor(members int) int { return (members + perWord - 1) / perWord }

func newLiveness(members []Member, marks []*Mark, sorted bool) *liveness {
	n := wordsFor(len(members))
	return &liveness{
		members: members, sorted: sorted, marks: marks,
		own: make([]atomic.Uint32, n), words: make([]atomic.Uint64, n),
	}
}

// setOwn marks a member as down or up in the group of the view, if the view has
// it. The caller holds Domain.mu.
func (l *liveness) setOwn(id string, down bool) {
	i := indexOf(l.members, l.sorted, id)
	if i < 0 {
		return
	}
	bit := uint32(1) << (i % perWord)
	if down {
		l.own[i/perWord].Or(bit)
	} else {
		l.own[i/perWord].And(^bit)
	}
}

// word returns a word of the bits of members that are up. The generation is one
// that the caller has read from Domain.down before, so the marks that it reads
// here are of that generation or newer.
func (l *liveness) word(w int, generation uint32) uint32 {
	if word := l.words[w].Load(); uint32(word>>32) == generation {
		return uint32(word)
	}
	return l.renew(w, generation)
}

//go:noinline
func (l *liveness) renew(w int, generation uint32) uint32 {
	up := uint32(0)
	for i, m := range l.marks[w*perWord : min((w+1)*perWord, len(l.marks))] {
		if !m.down.Load() {
			up |= 1 << i
		}
	}
	up &^= l.own[w].Load()
	l.words[w].Store(uint64(generation)<<32 | uint64(up))
	return up
}

// survivors are the members that are up of those that can take a flow. All
// answers are of one generation of marks, or newer.
type survivors struct {
	live       *liveness
	eligible   []uint32 // a bit for each member that can take a flow while it is up
	generation uint32
}

// word returns the survivors among members perWord*w and those that follow, a
// bit each.
func (s survivors) word(w int) uint32 { return s.live.word(w, s.generation) & s.eligible[w] }

// has reports whether a member that can take a flow is up.
func (s survivors) has(i int32) bool {
	return s.live.word(int(uint32(i)/perWord), s.generation)>>(uint32(i)%perWord)&1 == 1
}

// from returns the first survivor at or after member i, or after the last
// member the first of all; -1 if there is none.
func (s survivors) from(i int32) int32 {
	w := int(uint32(i) / perWord)
	word := s.word(w) & (^uint32(0) << (uint32(i) % perWord))
	for range len(s.eligible) + 1 {
		if word != 0 {
			return int32(w*perWord + bits.TrailingZeros32(word))
		}
		if w++; w == len(s.eligible) {
			w = 0
		}
		word = s.word(w)
	}
	return -1
}

// any reports whether there is a survivor.
func (s survivors) any() bool {
	for w := range s.eligible {
		if s.word(w) != 0 {
			return true
		}
	}
	return false
}
