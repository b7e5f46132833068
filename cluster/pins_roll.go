package cluster

import (
	"sync/atomic"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// A roll tells workers which flows all gateways have pins of, as far as it has
// room: a pin that was told later may take the place of one that was told
// before. A connection that begins anew with the five-tuple of one that has
// ended is placed anew where it begins, and other gateways would send it to the
// member of the one before, if upstream sends it to them.
//
// Run writes it and workers read it.
type roll struct {
	table   *flowcache.Table
	written atomic.Bool
	sets    []rollSet // their number is a power of two
}

// A rollSet is half a cache line of entries: each the tag 34 | slot 16 | 14 bits
// of 0. Of two flows of one tag, one may be told of needlessly.
type rollSet [4]atomic.Uint64

// newRoll returns an empty roll, whose memory was written to: see newNotes.
func newRoll(t *flowcache.Table, sets int) *roll {
	r := &roll{table: t, sets: make([]rollSet, sets)}
	clear(r.sets)
	return r
}

func (r *roll) set(tag uint64) *rollSet {
	return &r.sets[tag*0x9e3779b97f4a7c15>>24&uint64(len(r.sets)-1)]
}

// put notes that others have a pin.
func (r *roll) put(tag uint64, slot telling) {
	set := r.set(tag)
	at := &set[tag%uint64(len(set))]
	for i := range set {
		if was := set[i].Load(); was == 0 || was>>tagShift == tag {
			at = &set[i]
			break
		}
	}
	at.Store(tag<<tagShift | uint64(slot)<<indexShift)
	if !r.written.Load() {
		r.written.Store(true)
	}
}

// hasElsewhere reports whether others have a pin of a flow to another member.
func (r *roll) hasElsewhere(digest uint64, slot selector.Slot) bool {
	tag := tagOf(r.table.KeyOf(digest))
	set := r.set(tag)
	for i := range set {
		if e := set[i].Load(); e>>tagShift == tag {
			return selector.Slot(e>>indexShift)&maxMembers != slot
		}
	}
	return false
}
