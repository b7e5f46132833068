package cluster

// A told is a set of flows with what was told of each, with open addressing. At
// most half of its places are taken, so that one is always free.
type told struct {
	entries []entryTold // their number is a power of two
	used    int
}

// An entryTold is the number of a flow, 0 for a free place, and what was told.
type entryTold struct {
	flow uint64
	what telling
}

// newTold returns room for some entries, which was written to: see newNotes.
func newTold(places int) told {
	entries := make([]entryTold, places)
	clear(entries)
	return told{entries: entries}
}

// emptied returns an empty set with this many places, in the memory of t if that
// is as large.
func (t told) emptied(places int) told {
	switch {
	case len(t.entries) != places:
		return newTold(places)
	case t.used > 0:
		clear(t.entries)
	}
	return told{entries: t.entries}
}

// find returns the entry of a flow, or the free one where it would be.
func (t *told) find(flow uint64) *entryTold {
	mask := uint64(len(t.entries) - 1)
	for i := t.place(flow); ; i = (i + 1) & mask {
		if e := &t.entries[i]; e.flow == 0 || e.flow == flow {
			return e
		}
	}
}

// place returns where the entry of a flow is if nobody else took the place.
func (t *told) place(flow uint64) uint64 {
	return flow >> 1 * 0x9e3779b97f4a7c15 >> 24 & uint64(len(t.entries)-1)
}

// put adds what is told of a flow, or replaces it, as far as there is room.
func (t *told) put(e entryTold, most int) {
	at := t.find(e.flow)
	if at.flow == 0 {
		if 2*(t.used+1) > len(t.entries) {
			if 2*len(t.entries) > most {
				return
			}
			t.grow()
			at = t.find(e.flow)
		}
		t.used++
	}
	*at = e
}

func (t *told) grow() {
	larger := newTold(2 * len(t.entries))
	for _, e := range t.entries {
		if e.flow != 0 {
			*larger.find(e.flow) = e
		}
	}
	t.entries = larger.entries
}
