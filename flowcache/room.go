package flowcache

import "sync/atomic"

// The classes of words that a new pin can take the place of, the best first.
type class uint8

const (
	vacant   class = iota // no pin
	dead                  // expired, or void: its member left
	fresh                 // on probation; of several the oldest
	occupied              // closing or established, and neither expired nor void: never
)

// A rank orders words as victims, the least first: class, then how short the
// word has been on probation, then an arbitrary number to choose among equals
// by.
//
//	class 2 | tickMask - age 10 | tie 4
type rank uint32

const (
	rankClass = 14
	rankAge   = 4
)

func (r rank) class() class { return class(r >> rankClass) }

// room returns the best place in two buckets for a new pin, and what is there;
// at is nil for class occupied. Of equal victims it takes one that depends on
// the flow: always the first would be a stack, where a flood pushes out the
// newest flows.
func (t *Table) room(home, away int, tag uint64, now uint32) (at *atomic.Uint64, old word, best class) {
	h := &t.buckets[home]
	for i := range h {
		if h[i].Load() == 0 {
			return &h[i], 0, vacant
		}
	}
	tie := rank(tag % (2 * bucketSize))
	a := &t.buckets[away]
	var words [2 * bucketSize]word
	first := rank(occupied) << rankClass
	for i := range bucketSize {
		words[i] = word(h[i].Load())
		words[bucketSize+i] = word(a[i].Load())
		first = min(first, t.rank(words[i], now)|rank(i)^tie, t.rank(words[bucketSize+i], now)|rank(bucketSize+i)^tie)
	}
	if first.class() == occupied {
		return nil, 0, occupied
	}
	i := int(first^tie) % (2 * bucketSize)
	if i < bucketSize {
		return &h[i], words[i], first.class()
	}
	return &a[i-bucketSize], words[i], first.class()
}

// rank returns the rank of w with a tie of 0. What the words of a bucket are
// can't be predicted, so it has no branches.
func (t *Table) rank(w word, now uint32) rank {
	if w == 0 {
		return rank(vacant) << rankClass
	}
	// 1: the difference is negative, so it has expired
	isDead := (t.clocks.limit[w.state()] - w.agePlus(now)) >> 31
	if !t.config.Domain.SlotInUse(w.slot()) {
		isDead = 1
	}
	class, byAge := rank(occupied), rank(0)
	if w.state() == Probation {
		class, byAge = rank(fresh), tickMask-rank(w.age(now))
	}
	r := class<<rankClass | byAge<<rankAge
	if isDead != 0 {
		r = rank(dead) << rankClass
	}
	return r
}
