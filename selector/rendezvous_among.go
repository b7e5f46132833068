package selector

import "math/bits"

// among implements orderedAmong: the greatest draw of those who are up.
func (s *rendezvous) among(h uint64, up survivors) int32 {
	h = spread(h)
	best, first := uint64(0), int32(-1)
	for w := range up.eligible {
		for word := up.word(w); word != 0; word &= word - 1 {
			i := w*perWord + bits.TrailingZeros32(word)
			k := i
			if s.place != nil {
				k = int(s.place[i])
			}
			if u := draw(h, s.seeds[k]); u > best || first < 0 {
				best, first = u, int32(i)
			}
		}
	}
	return first
}

// among implements orderedAmong: the best bid of those who are up.
func (s *weightedRendezvous) among(h uint64, up survivors) int32 {
	h = spread(h)
	var best bid // of weight 0: none
	for w := range up.eligible {
		for word := up.word(w); word != 0; word &= word - 1 {
			k := s.placeOf(int32(w*perWord + bits.TrailingZeros32(word)))
			u := draw(h, s.seeds[k]) // as in Select, most need no logarithm
			if best.weight > 0 && less(best.cost, uint64(s.weights[k]), ^u>>(64-logBits), best.weight) {
				continue
			}
			if b := s.bid(h, int(k)); best.weight == 0 || b.before(best) {
				best = b
			}
		}
	}
	if best.weight == 0 {
		return -1
	}
	return memberAt(s.mapping, best.place)
}
