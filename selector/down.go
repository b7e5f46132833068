package selector

import "math/bits"

// tries is how often a hash is looked up again while the members that it meets
// are down.
const tries = 16

// A cheaperAgain is a selector whose look-up takes long. What it returns is
// looked up in its place when a hash is looked up again.
type cheaperAgain interface{ again() Selector }

// An orderedAmong is a Ranker that finds the first member of a hash's order that
// is up, in the time of a look-up.
type orderedAmong interface {
	Ranker
	among(h uint64, up survivors) int32
}

// detours is what it takes to look up hashes whose member is down by a selector.
type detours struct {
	eligible []uint32     // a bit for each member of positive weight
	among    orderedAmong // selector, if it is one
	ranker   Ranker       // selector, if it is one
	again    Selector     // which a hash is looked up again in
	mask     uint64       // of the bits of a hash that it sees
	slots    int          // of a Tabled
	heirs    heirs
}

func (d *detours) init(s Selector, members []Member) {
	d.eligible = make([]uint32, wordsFor(len(members)))
	for i, m := range members {
		if m.Weight > 0 {
			d.eligible[i/perWord] |= 1 << (i % perWord)
		}
	}
	d.ranker, _ = s.(Ranker)
	d.among, _ = s.(orderedAmong)
	d.again = s
	if c, ok := s.(cheaperAgain); ok {
		d.again = c.again()
	}
	d.mask = maskOf(d.again)
	if t, ok := s.(Tabled); ok {
		d.slots = t.Slots()
	}
}

// around returns the member for hash h, whose own member is down. There must be
// a survivor. The answer depends on h and on the marks alone, and for a Tabled
// on the slot of h in its place, as a plane with a table of its own needs it.
//
// First comes the heir, who would own h if its member left: so a member that is
// marked as down first and removed later moves each of its hashes once. If the
// heir is down too, h is looked up again as another hash, up to tries times,
// which shares the hashes of members that are down as all others are shared.
// What is left goes to the first survivor after a random member.
func (d *detours) around(h uint64, own int32, up survivors) int32 {
	if up.has(own) {
		return own // since a moment ago
	}
	if d.among != nil {
		return d.among.among(h&highBits, up)
	}
	key, heir := h&highBits, int32(-1)
	if d.slots > 0 {
		key, _ = bits.Mul64(h, uint64(d.slots))
	}
	switch {
	case d.ranker == nil:
	case d.slots > 0:
		heir = d.heirs.of(int(key), own, d)
	default:
		heir = d.ranker.Next(key, own)
	}
	if heir >= 0 && up.has(heir) {
		return heir
	}
	seed := splitMix64(key ^ mixA)
	for n := range uint64(tries) {
		if i := d.again.Select(splitMix64(seed+n) & d.mask); up.has(i) {
			return i
		}
	}
	start, _ := bits.Mul64(splitMix64(seed+tries), uint64(len(up.live.members)))
	return up.from(int32(start))
}
