package flowcache

import "sync/atomic"

const bucketSize = 8

// A bucket is a cache line.
type bucket [bucketSize]atomic.Uint64

// match returns the word with the tag, 0 if there is none; one of two, should another worker be moving it. Where in the bucket a
// word is can't be predicted, and a branch that goes wrong costs as much as looking at all eight without one: of the words
// with the tag taken away, the least is the one, if its tag is 0 now.
//
// It is out of line because the compiler makes branches of such minima where they are used in addresses.
//
//go:noinline
func (b *bucket) match(tag uint64) word {
	tag <<= tagShift
	rest := min(
		min(min(b[0].Load()^tag, b[1].Load()^tag), min(b[2].Load()^tag, b[3].Load()^tag)),
		min(min(b[4].Load()^tag, b[5].Load()^tag), min(b[6].Load()^tag, b[7].Load()^tag)),
	)
	found := rest ^ tag
	if rest>>tagShift != 0 {
		found = 0
	}
	return word(found)
}

// find returns the first word with the tag, and its place; 0 if there is none.
func (b *bucket) find(tag uint64) (*atomic.Uint64, word) {
	for i := range b {
		if w := word(b[i].Load()); w.tag() == tag {
			return &b[i], w
		}
	}
	return nil, 0
}
