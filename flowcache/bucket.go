package flowcache

import "sync/atomic"

const bucketSize = 8

// A bucket is a cache line.
type bucket [bucketSize]atomic.Uint64

func (b *bucket) lower() *[bucketSize / 2]atomic.Uint64 {
	return (*[bucketSize / 2]atomic.Uint64)(b[:bucketSize/2])
}

func (b *bucket) upper() *[bucketSize / 2]atomic.Uint64 {
	return (*[bucketSize / 2]atomic.Uint64)(b[bucketSize/2:])
}

// least takes a tag away from each word of half a bucket and returns the least
// of what remains: the rest of the word that had it, or else one whose tag is
// not 0. Where in a bucket a word is can't be predicted, and a branch that goes
// wrong costs as much as to look at all eight without one.
func least(half *[bucketSize / 2]atomic.Uint64, tag uint64) word {
	tag <<= tagShift
	return word(min(min(half[0].Load()^tag, half[1].Load()^tag), min(half[2].Load()^tag, half[3].Load()^tag)))
}

// match returns the word with the tag, 0 if there is none.
//
// It is out of line because the compiler makes branches of such minima where
// they are used in addresses.
//
//go:noinline
func (b *bucket) match(tag uint64) word {
	w := min(least(b.lower(), tag), least(b.upper(), tag))
	if w.tag() != 0 {
		return 0
	}
	return w | word(tag<<tagShift)
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
