package cluster

import (
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
)

// Notes are of what was told and is not in the memory yet: to find its place
// there takes longer than to import a pin, and pins must not wait for it.
type notes struct {
	list    []note
	entered int           // those before are in the memory
	heard   bool          // some are of other gateways
	last    time.Duration // when the last one was made
}

type note struct {
	flow  uint64
	what  telling
	state flowcache.State
}

const (
	maxNotes   = 1 << 17
	noteFor    = 50 * time.Millisecond // of silence
	notesAStep = 4096                  // to enter them takes a fraction of a millisecond
)

// newNotes returns room for some notes, which was written to: the system gives
// memory when it is first written to, and that takes longer than a note.
func newNotes(n int) notes {
	list := make([]note, n)
	clear(list)
	return notes{list: list[:0]}
}

func (n *notes) clear() { n.list, n.entered, n.heard = n.list[:0], 0, false }

// note notes what was told. A scan does not see what it noted itself, and meets
// no pin twice.
func (m *memory) note(n note, now time.Duration) {
	if len(m.notes.list) == cap(m.notes.list) {
		m.enterAll()
	}
	m.notes.list = append(m.notes.list, n)
	m.notes.last = now
}

// enterLater enters some notes if nothing was told for a while, and reports
// whether there are more.
func (m *memory) enterLater(now time.Duration) (more bool) {
	n := &m.notes
	if len(n.list) == 0 || now-n.last < noteFor {
		return false
	}
	m.enter(notesAStep)
	return len(n.list) > 0
}

// enterHeard enters the notes if some are of other gateways: a scan that is
// under way must not tell of what they told.
func (m *memory) enterHeard() {
	if m.notes.heard {
		m.enterAll()
	}
}

func (m *memory) enterAll() { m.enter(len(m.notes.list)) }

// enter puts up to most notes into the memory and on the roll.
func (m *memory) enter(most int) {
	n := &m.notes
	list := n.list[n.entered:min(n.entered+most, len(n.list))]
	n.entered += len(list)
	const ahead = 32
	for len(list) > 0 {
		some := list[:min(ahead, len(list))]
		list = list[len(some):]
		for i := range some { // so that the cache misses overlap
			m.touched += m.now.entries[m.now.place(some[i].flow)].flow
			m.touched += m.roll.set(some[i].flow >> flowTag)[0].Load()
		}
		for i := range some {
			m.enterOne(&some[i])
		}
	}
	if n.entered == len(n.list) {
		n.clear()
	}
}

// enterOne enters a note. What another gateway told is left out if it is known,
// so that there is room for more.
func (m *memory) enterOne(n *note) {
	if n.flow&theirs != 0 && m.knows(n.flow&^theirs, n.what, n.state) {
		return
	}
	m.now.put(entryTold{n.flow, n.what}, m.most)
	if n.what.how() != howYoung {
		m.roll.put(n.flow>>flowTag, n.what.slot())
	}
}
