package selector

import (
	"cmp"
	"math/bits"
	"slices"
)

// boundedCaps returns how many of size slots each place of the line-up may own:
// size with UnlimitedSlack, else its share of C = ceil(size*(1000+slack)/1000).
// The caps add up to C. A share is rounded up for the members whose fraction
// exceeds a hash of their ID by most, and down for the others. So a change of C
// or of the total weight moves few caps, always those of the same members.
// Without the hash, the caps of equal members would all fall at once where
// their share crosses a whole number.
func boundedCaps(l *lineup, size uint64, slack Slack, hashes []boundedHashes) []uint32 {
	caps := make([]uint32, len(l.weights))
	if slack == UnlimitedSlack {
		for k := range caps {
			caps[k] = uint32(size)
		}
		return caps
	}
	all := (size*(1000+slack.thousandths()) + 999) / 1000
	type excess struct {
		over  int64 // half the fraction less half the hash
		place int
	}
	order := make([]excess, len(caps))
	rest := all
	for k, w := range l.weights {
		hi, lo := bits.Mul64(all, uint64(w))
		whole, remainder := bits.Div64(hi, lo, l.total)
		fraction, _ := bits.Div64(remainder, 0, l.total)
		caps[k] = uint32(min(whole, size)) // a cap beyond the table is none
		rest -= whole
		order[k] = excess{int64(fraction>>1) - int64(hashes[k].share>>1), k}
	}
	slices.SortFunc(order, func(a, b excess) int {
		if a.over != b.over {
			return cmp.Compare(b.over, a.over)
		}
		if c := cmp.Compare(hashes[a.place].share, hashes[b.place].share); c != 0 {
			return c
		}
		return cmp.Compare(a.place, b.place) // in order of ID
	})
	for _, e := range order[:rest] {
		caps[e.place] = min(caps[e.place]+1, uint32(size))
	}
	return caps
}
