package place

import "slices"

// Down is a model of what look-ups of a group do while members are down.
type Down struct {
	Own  func(h uint64) int            // the member of a hash, by the strategy
	Next func(h uint64, after int) int // its order of members; nil: it has none
	All  bool                          // the whole order counts, not the first heir alone

	// Again returns the member of a hash that is looked up again; nil: Own.
	Again func(h uint64) int

	Slots    int    // of a table; 0: it is none
	Positive []bool // the members that may be selected
}

// Select returns the member for h, where up says who is up; -1 if nobody is.
func (d Down) Select(h uint64, up []bool) int {
	survivors := make([]bool, len(up))
	for i := range up {
		survivors[i] = up[i] && d.Positive[i]
	}
	if !slices.Contains(survivors, true) {
		return -1
	}
	key := h >> 30 << 30
	if d.Slots > 0 {
		// all hashes of a slot go one way, that of the least of them
		key = uint64(scale(h, d.Slots))
		h = leastOf(int(key), d.Slots)
	} else {
		h = key
	}
	i := d.Own(h)
	for asked := 0; !survivors[i] && d.Next != nil && (asked == 0 || d.All); asked++ {
		i = d.Next(h, i)
	}
	again := d.Again
	if again == nil {
		again = d.Own
	}
	for try := uint64(0); try < 16 && !survivors[i]; try++ {
		hash := another(key, try)
		if d.Slots == 0 && d.Again == nil {
			hash = hash >> 30 << 30
		}
		i = again(hash)
	}
	if !survivors[i] {
		i = scale(another(key, 16), len(up))
		for !survivors[i] {
			i = (i + 1) % len(up)
		}
	}
	return i
}

// another returns the hash that h is looked up as, at a try from 0.
func another(h, try uint64) uint64 {
	const step = 0x9e3779b97f4a7c15 // of SplitMix64
	return SplitMix(SplitMix((h^0xa0761d6478bd642f)+step) + try + step)
}

// leastOf returns the least hash that reads a slot of a table.
func leastOf(slot, slots int) uint64 {
	low, high := uint64(0), ^uint64(0)
	for low < high {
		middle := low + (high-low)/2
		if scale(middle, slots) < slot {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// Tiers is a model of a group with backups.
type Tiers struct {
	Primaries, Backups *Down // nil: nobody of them may be selected
	UseAll             bool  // while everybody is down, nobody counts as down
}

// Select returns the member for h, where up says who is up; -1 if nobody is.
func (g Tiers) Select(h uint64, up []bool) int {
	for _, tier := range []*Down{g.Primaries, g.Backups} {
		if tier == nil {
			continue
		}
		if i := tier.Select(h, up); i >= 0 {
			return i
		}
	}
	if !g.UseAll || g.Primaries == nil && g.Backups == nil {
		return -1
	}
	return Tiers{Primaries: g.Primaries, Backups: g.Backups}.Select(h, slices.Repeat([]bool{true}, len(up)))
}
