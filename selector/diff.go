package selector

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// A Diff counts the hashes whose member differs between two states of a group.
// A hash moved if its member changed. It was forced to if its old member left
// or was drained, if its new member joined or is drained no longer, or if its
// new member gained weight relative to its old one. Any other move is
// collateral: a flow broken without need.
//
// So neither a common factor of all weights nor a member that does not take
// part counts. Where the strategy, its size or its seed changed and no member
// did, nothing is forced, Due is 0 and Ratio is +Inf.
type Diff struct {
	Hashes     int // compared: the slots of the table, or 65,536 probes
	Moved      int // Forced + Collateral
	Forced     int // moved since they had to
	Collateral int // moved without need

	// Due is the share of the hashes, from 0 to 1, that any placement must move
	// for this change: the sum of what members are due less than before. For a
	// join, a leave or a drain it is the share of Forced, where shares are what
	// members are due. For a replacement it is half of that, since only a
	// strategy that knows its history can put one member in another's place.
	Due float64

	Exact bool // every table slot was compared; false: probes, a sample of the hashes
}

// Ratio returns the disruption ratio Moved/Forced. 1 is perfect, and the answer
// when nothing moved. It is +Inf when something moved and nothing had to.
func (d Diff) Ratio() float64 {
	if d.Moved == d.Forced {
		return 1
	}
	return float64(d.Moved) / float64(d.Forced)
}

// A Move is the IDs of the members that a hash went from and to. They are equal
// for a member that was replaced by another incarnation. An empty one is
// nobody, where a group has no member that takes hashes.
type Move struct{ From, To string }

// Diff compares the placement of v with that of an older view, whoever is down.
// It is exact where both selectors are [Tabled] with as many slots, or one is
// and the other view places nothing; else it asks both for 65,536 fixed hashes.
// Members are told by ID and incarnation: one that left and came back between
// the views did not change. An old view of nil places nothing.
//
// The views may be of groups with different strategies. The time is O(N) and a
// look-up in both for each hash compared.
func (v *View) Diff(old *View) Diff {
	c := v.compare(old)
	d := Diff{Hashes: c.hashes, Exact: c.exact, Due: c.due()}
	c.each(func(a, b int32) {
		d.Moved++
		if c.forced(a, b) {
			d.Forced++
		}
	})
	d.Collateral = d.Moved - d.Forced
	return d
}

// Moves yields who loses how many hashes to whom, of the Hashes of a [Diff] of
// the same views and in order of ID. The counts add up to its Moved.
func (v *View) Moves(old *View) iter.Seq2[Move, int] {
	return func(yield func(Move, int) bool) {
		c := v.compare(old)
		counts := make(map[Move]int)
		c.each(func(a, b int32) { counts[Move{idOf(c.old, a), idOf(c.now, b)}]++ })
		for _, m := range slices.SortedFunc(maps.Keys(counts), func(m, o Move) int {
			return cmp.Or(cmp.Compare(m.From, o.From), cmp.Compare(m.To, o.To))
		}) {
			if !yield(m, counts[m]) {
				return
			}
		}
	}
}

// Shares returns the share of the hashes that each member has, by its index,
// whoever is down. They add up to 1 unless no member takes hashes. They are
// exact for a [Tabled] selector, else those of 65,536 fixed hashes.
func (v *View) Shares() []float64 {
	counts, hashes := make([]int, v.Len()+1), diffProbes // the first one is nobody's
	if t, ok := v.selector.(Tabled); ok && v.table != nil {
		hashes = t.Slots()
		for _, owner := range v.table {
			counts[int(owner)+1]++
		}
	} else if ok {
		hashes = t.Slots()
		var list [ownersRead]int32
		for first := 0; first < hashes; first += len(list) {
			for _, owner := range readOwners(list[:min(len(list), hashes-first)], t, first) {
				counts[owner+1]++
			}
		}
	} else {
		for i := range uint64(hashes) {
			counts[v.Unmarked(mix64(i))+1]++
		}
	}
	shares := make([]float64, v.Len())
	for i := range shares {
		shares[i] = float64(counts[i+1]) / float64(hashes)
	}
	return shares
}

// Due returns the share of the hashes that each member is due by its weight, by
// its index: what Shares is compared with. Backups are due nothing while
// primaries have weight.
func (v *View) Due() []float64 {
	due := make([]float64, v.Len())
	if sum := sumOfWeights(v.placed); sum > 0 {
		for i, m := range v.placed {
			due[i] = float64(m.Weight) / sum
		}
	}
	return due
}

const diffProbes = 1 << 16

// A comparison is of the placements of two views.
type comparison struct {
	old, now *View
	before   []int32 // index in old of each member of now, -1 for one that joined
	after    []int32 // index in now of each member of old, -1 for one that left
	hashes   int
	exact    bool
}

func (v *View) compare(old *View) *comparison {
	if old == nil {
		old = &View{}
	}
	c := &comparison{old: old, now: v, hashes: diffProbes}
	c.before, c.after = slices.Repeat([]int32{-1}, v.Len()), slices.Repeat([]int32{-1}, old.Len())
	index := indexByID(old.members)
	for i, m := range v.members {
		if at, ok := index[m.ID]; ok && old.Incarnation(at) == v.Incarnation(int32(i)) {
			c.before[i], c.after[at] = at, int32(i)
		}
	}
	from, to := slotsOf(old.selector), slotsOf(v.selector)
	if from == 0 && old.selector == nil {
		from = to
	}
	if to == 0 && v.selector == nil {
		to = from
	}
	if c.exact = from > 0 && from == to; c.exact {
		c.hashes = from
	}
	return c
}

// slotsOf returns the number of slots of a table, 0 for other selectors.
func slotsOf(s Selector) int {
	if t, ok := s.(Tabled); ok {
		return t.Slots()
	}
	return 0
}

// each calls moved with the old and the new member of each hash that moved; -1
// is nobody.
func (c *comparison) each(moved func(a, b int32)) {
	compare := func(a, b int32) {
		if stays := a >= 0 && b >= 0 && c.before[b] == a; !stays && max(a, b) >= 0 {
			moved(a, b)
		}
	}
	if !c.exact {
		for i := range uint64(c.hashes) {
			h := mix64(i)
			compare(c.old.Unmarked(h), c.now.Unmarked(h))
		}
		return
	}
	old, _ := c.old.selector.(Tabled)
	now, _ := c.now.selector.(Tabled)
	var from, to [ownersRead]int32
	for first := 0; first < c.hashes; first += ownersRead {
		n := min(ownersRead, c.hashes-first)
		readOwners(from[:n], old, first)
		readOwners(to[:n], now, first)
		for i := range n {
			compare(from[i], to[i])
		}
	}
}

// forced reports whether a hash that went from member a of old to member b of
// now had to move.
func (c *comparison) forced(a, b int32) bool {
	if a < 0 || b < 0 || c.after[a] < 0 || c.before[b] < 0 {
		return true
	}
	// Of two members that stay, the one that got the hash must have gained on
	// the one that lost it.
	wasA, wasB := c.old.placed[a].Weight, c.old.placed[c.before[b]].Weight
	isA, isB := c.now.placed[c.after[a]].Weight, c.now.placed[b].Weight
	return uint64(isB)*uint64(wasA) > uint64(wasB)*uint64(isA)
}

// due returns what members are due less than before.
func (c *comparison) due() (due float64) {
	if (c.old.selector == nil) != (c.now.selector == nil) {
		return 1
	}
	is := c.now.Due()
	for a, was := range c.old.Due() {
		if b := c.after[a]; b >= 0 {
			was -= is[b]
		}
		due += max(0, was)
	}
	return min(due, 1)
}

func sumOfWeights(members []Member) (sum float64) {
	for _, m := range members {
		sum += float64(m.Weight)
	}
	return sum
}

func idOf(v *View, i int32) string {
	if i < 0 {
		return ""
	}
	return v.members[i].ID
}
