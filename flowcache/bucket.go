package flowcache

import "sync/atomic"

const bucketSize = 8

// A bucket is a cache line.
type bucket [bucketSize]atomic.Uint64

// match returns the word with the tag, 0 if there is none; the first, should another worker be moving it. It compares all
// eight and lets the compiler choose by conditional moves: where a flow's word is can't be predicted, and a branch that goes
// wrong costs as much as all of them.
func (b *bucket) match(tag uint64) word {
	var found uint64
	if w := b[7].Load(); w>>tagShift == tag {
		found = w
	}
	if w := b[6].Load(); w>>tagShift == tag {
		found = w
	}
	if w := b[5].Load(); w>>tagShift == tag {
		found = w
	}
	if w := b[4].Load(); w>>tagShift == tag {
		found = w
	}
	if w := b[3].Load(); w>>tagShift == tag {
		found = w
	}
	if w := b[2].Load(); w>>tagShift == tag {
		found = w
	}
	if w := b[1].Load(); w>>tagShift == tag {
		found = w
	}
	if w := b[0].Load(); w>>tagShift == tag {
		found = w
	}
	return word(found)
}

// find is match with the word's place.
func (b *bucket) find(tag uint64) (*atomic.Uint64, word) {
	for i := range b {
		if w := word(b[i].Load()); w.tag() == tag {
			return &b[i], w
		}
	}
	return nil, 0
}
