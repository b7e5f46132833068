package selector

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// A circle is the space of 64-bit hashes, closed to a ring, with points of
// members on it. A hash belongs to the first point at or after it. Members are
// named by their places in a line-up.
type circle struct {
	points []point // in order of position, then place
	guide  []int32 // by the high bits of a hash: the first point that may be at or after it
	shift  uint8
}

type point struct {
	at      uint64
	place   uint16
	another uint32 // how far on is the first point of another place, 0 if there is none
}

// newCircle gives each member as many points as counts says: point k of an ID
// is the XXH64 of the ID and k in four bytes, little-endian.
func newCircle(members []Member, l *lineup, counts []int, seed uint64) circle {
	total := 0
	for _, n := range counts {
		total += n
	}
	cellBits := bits.Len(uint(total))
	c := circle{guide: make([]int32, 1<<cellBits), shift: uint8(64 - cellBits)}

	// Points are sorted by counting them in each cell of the guide, which holds
	// less than one on average, and then within cells.
	unsorted := make([]point, 0, total)
	starts := make([]int32, len(c.guide)+1)
	var digest xxhash.Digest
	var key []byte
	for place, i := range l.index {
		key = append(key[:0], members[i].ID...)
		for k := range counts[place] {
			digest.ResetWithSeed(seed)
			_, _ = digest.Write(binary.LittleEndian.AppendUint32(key, uint32(k))) // never fails
			p := point{at: digest.Sum64(), place: uint16(place)}
			unsorted = append(unsorted, p)
			starts[p.at>>c.shift+1]++
		}
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	copy(c.guide, starts)
	c.points = make([]point, total)
	for _, p := range unsorted {
		at := &starts[p.at>>c.shift]
		c.points[*at] = p
		*at++
	}
	for cell, begin := range c.guide { // starts are ends by now
		if own := c.points[begin:starts[cell]]; len(own) > 1 {
			slices.SortFunc(own, func(a, b point) int {
				return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.place, b.place))
			})
		}
	}
	c.countRuns()
	return c
}

// countRuns sets each point's way to one of another place.
func (c *circle) countRuns() {
	n := len(c.points)
	last := n - 1 // of a run
	for last >= 0 && c.points[last].place == c.points[(last+1)%n].place {
		last--
	}
	if last < 0 {
		return
	}
	for k := range n {
		p := &c.points[(last-k+n)%n]
		next := &c.points[(last-k+n+1)%n]
		p.another = 1
		if p.place == next.place {
			p.another += next.another
		}
	}
}

// nextOfAnother returns the first point after i that is of another place.
func (c *circle) nextOfAnother(i int) int {
	i += int(c.points[i].another)
	if i >= len(c.points) {
		i -= len(c.points)
	}
	return i
}

// find returns the index of the point that h belongs to.
func (c *circle) find(h uint64) int {
	i := int(c.guide[h>>(c.shift&63)])
	for i < len(c.points) && c.points[i].at < h {
		i++
	}
	if i == len(c.points) {
		return 0
	}
	return i
}

// pointCounts returns how many points each member gets: unit for each of its
// weight, but at least one. Weights are divided by their common divisor first.
// The unit is halved until there are at most 16*unit points a member or 65,536
// in all, whichever is more, and at most MaxTableSize.
func pointCounts(l *lineup, unit uint64) []int {
	most := min(max(1<<16, 16*unit*uint64(len(l.index))), MaxTableSize)
	counts := make([]int, len(l.weights))
	shift := 0
	for l.total*unit>>shift > most {
		shift++
	}
	for k, w := range l.weights {
		counts[k] = int(max(1, uint64(w)*unit>>shift))
	}
	return counts
}
