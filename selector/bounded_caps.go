package selector

import (
	"cmp"
	"math/bits"
)

// boundedCaps returns how many of size slots each place of the line-up may own:
// size with UnlimitedSlack, else its share of C = ceil(size*(1000+slack)/1000),
// apportioned.
func boundedCaps(l *lineup, size uint64, slack Slack, hashes []boundedHashes) []uint32 {
	caps := make([]uint32, len(l.weights))
	if slack == UnlimitedSlack {
		for k := range caps {
			caps[k] = uint32(size)
		}
		return caps
	}
	all := (size*(1000+slack.thousandths()) + 999) / 1000
	shares := wholeShares(hashes, all, l.total, func(place int) (hi, lo uint64) {
		return bits.Mul64(all, uint64(l.weights[place]))
	})
	for k, s := range shares {
		caps[k] = uint32(min(s, size)) // a cap beyond the table is none
	}
	return caps
}

// boundedFloors returns how many of size slots each place of the line-up owns
// at least, apportioned: three quarters of its due, or one slot where that is
// more, but not more than its due. There are none, nil, with UnlimitedSlack,
// and with NoSlack, where every member owns its cap.
func boundedFloors(l *lineup, size uint64, slack Slack, hashes []boundedHashes, caps []uint32) []uint32 {
	if !slack.limited() {
		return nil
	}
	slot := 4 * l.total // a slot, in units that make all quarters of dues whole
	target := func(place int) (_, lo uint64) {
		quarter := size * uint64(l.weights[place])
		return 0, max(3*quarter, min(4*quarter, slot))
	}
	sum := uint64(0) // at most size*slot, which is below 2^56
	for k := range l.weights {
		_, t := target(k)
		sum += t
	}
	floors := make([]uint32, len(caps))
	for k, s := range wholeShares(hashes, sum/slot, slot, target) {
		floors[k] = uint32(min(s, uint64(caps[k])))
	}
	return floors
}

// wholeShares returns the share of each place, numerator(place)/denominator, in
// whole numbers that add up to all. A share is rounded up for the members whose
// fraction exceeds a hash of their ID by most, and down for the others. So a
// change of all or of the shares moves few whole numbers, always those of the
// same members. Without the hash, the shares of equal members would all fall at
// once where they cross a whole number.
func wholeShares(
	hashes []boundedHashes, all, denominator uint64, numerator func(place int) (hi, lo uint64),
) []uint64 {
	type excess struct {
		over  int64 // half the fraction less half the hash
		place int
	}
	shares, order := make([]uint64, len(hashes)), make([]excess, len(hashes))
	for k := range shares {
		hi, lo := numerator(k)
		whole, remainder := bits.Div64(hi, lo, denominator)
		fraction, _ := bits.Div64(remainder, 0, denominator)
		shares[k] = whole
		all -= whole
		order[k] = excess{int64(fraction>>1) - int64(hashes[k].share>>1), k}
	}
	selectFirst(order, int(all), func(a, b excess) int {
		return cmp.Or(cmp.Compare(b.over, a.over),
			cmp.Compare(hashes[a.place].share, hashes[b.place].share),
			cmp.Compare(a.place, b.place)) // in order of ID
	})
	for _, e := range order[:all] {
		shares[e.place]++
	}
	return shares
}

// selectFirst moves the n entries that come first in an order to the front, in
// O(len) time (Hoare 1961).
func selectFirst[T any](list []T, n int, compare func(a, b T) int) {
	for n > 0 && n < len(list) {
		i, j, pivot := 0, len(list)-1, list[len(list)/2]
		for i <= j {
			for compare(list[i], pivot) < 0 {
				i++
			}
			for compare(list[j], pivot) > 0 {
				j--
			}
			if i <= j {
				list[i], list[j] = list[j], list[i]
				i, j = i+1, j-1
			}
		}
		switch { // no entry up to j comes after one from i on, nor after one between
		case n <= j:
			list = list[:j+1]
		case n > i:
			list, n = list[i:], n-i
		default:
			return
		}
	}
}
