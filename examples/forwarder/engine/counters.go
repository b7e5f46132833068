package engine

import (
	"iter"
	"maps"
)

// Traffic is an amount of it.
type Traffic struct {
	Frames uint64
	Bytes  uint64
}

func (t *Traffic) add(frame []byte) {
	t.Frames++
	t.Bytes += uint64(len(frame))
}

// Counters are what one worker has seen so far. Every frame that came in went
// to one member, was dropped for one reason, or is held: the frames of Member,
// of Drops and of [Worker.Held] add up to those of In.
type Counters struct {
	In      Traffic
	Replies Traffic // what was made of the frames that are Answered
	NoRoute Traffic // of In, the frames that are dropped for [NoRoute]

	// Held are the fragments that were held, since they came before the first
	// one of their datagram.
	Held uint64

	// Strays are the fragments that went where the selector places their
	// addresses: their first one came too late, or 30 seconds before, or not at
	// all, or they are first ones that end before their ports.
	Strays uint64

	members []Traffic // by Adjacency.Output
	dropped [drops]uint64
	groups  map[*Group]*[drops]uint64 // those that frames were dropped for
}

// Member returns what was sent to the member with this number.
func (c *Counters) Member(output uint16) Traffic {
	if int(output) >= len(c.members) {
		return Traffic{}
	}
	return c.members[output]
}

// Dropped returns the number of frames dropped for a reason.
func (c *Counters) Dropped(reason Drop) uint64 { return c.dropped[reason] }

// Drops yields the number of frames dropped for each reason.
func (c *Counters) Drops() iter.Seq2[Drop, uint64] {
	return func(yield func(Drop, uint64) bool) {
		for d := NotIP; d < drops; d++ {
			if !yield(d, c.dropped[d]) {
				return
			}
		}
	}
}

// Groups yields the number of frames dropped for each reason by the group that
// they were for: [Expired], [NoMember] and [Answered]. The frames that were
// dropped for other reasons are for no group.
func (c *Counters) Groups() iter.Seq2[*Group, iter.Seq2[Drop, uint64]] {
	return func(yield func(*Group, iter.Seq2[Drop, uint64]) bool) {
		for g, dropped := range c.groups {
			if !yield(g, nonZero(dropped)) {
				return
			}
		}
	}
}

// nonZero yields the counters that are not zero.
func nonZero(dropped *[drops]uint64) iter.Seq2[Drop, uint64] {
	return func(yield func(Drop, uint64) bool) {
		for d, n := range dropped {
			if n > 0 && !yield(Drop(d), n) {
				return
			}
		}
	}
}

// Forget has the counters forget groups that no frame is for any more: what
// Groups says of them is gone. Like Burst, it is called by the goroutine that
// the worker belongs to.
func (c *Counters) Forget(gone func(*Group) bool) {
	maps.DeleteFunc(c.groups, func(g *Group, _ *[drops]uint64) bool { return gone(g) })
}

// droppedFor counts a frame for a group. It makes a counter when it first meets
// the group.
func (c *Counters) droppedFor(g *Group, reason Drop) {
	dropped := c.groups[g]
	if dropped == nil {
		if c.groups == nil {
			c.groups = make(map[*Group]*[drops]uint64)
		}
		dropped = new([drops]uint64)
		c.groups[g] = dropped
	}
	dropped[reason]++
}

// sent counts a frame for a member. It makes room when it first meets one.
func (c *Counters) sent(output uint16, frame []byte) {
	if need := int(output) + 1 - len(c.members); need > 0 {
		c.members = append(c.members, make([]Traffic, need)...)
	}
	c.members[output].add(frame)
}
