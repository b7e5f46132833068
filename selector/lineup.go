package selector

import "slices"

// lineup is the members of positive weight in the order in which a strategy
// places them.
type lineup struct {
	index   []int32  // where each member stands in the list given
	weights []uint32 // divided by their greatest common divisor
	total   uint64   // the sum of weights
}

// newLineup validates members and lines them up by ID, or as given if keepOrder
// is set.
func newLineup(members []Member, keepOrder bool) (lineup, error) {
	order, err := validated(members)
	if err != nil {
		return lineup{}, err
	}
	l := lineup{index: make([]int32, 0, len(members)), weights: make([]uint32, 0, len(members))}
	divisor := uint32(0)
	admit := func(i int) {
		if w := members[i].Weight; w > 0 {
			l.index, l.weights = append(l.index, int32(i)), append(l.weights, w)
			divisor = gcd(divisor, w)
		}
	}
	if keepOrder {
		for i := range members {
			admit(i)
		}
	} else {
		for _, i := range order {
			admit(i)
		}
	}
	for k := range l.weights {
		l.weights[k] /= divisor
		l.total += uint64(l.weights[k])
	}
	return l, nil
}

// equal reports whether all weights are equal, hence 1.
func (l *lineup) equal() bool { return l.total == uint64(len(l.index)) }

// mapping returns l.index, or nil if place k is member k for all k, so that
// look-ups can do without it.
func (l *lineup) mapping() []int32 {
	for k, i := range l.index {
		if int(i) != k {
			return l.index
		}
	}
	return nil
}

// memberAt translates a place in the line-up into a member.
func memberAt(mapping []int32, place int) int32 {
	if mapping == nil {
		return int32(place)
	}
	return mapping[place]
}

func gcd(a, b uint32) uint32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// window returns the first n entries of dst, and panics if it has fewer.
func window(dst []int32, n int) []int32 { return dst[:n:len(dst)] }

// newEqualLineup is newLineup for a strategy that serves equal weights only.
// The error for others names the first member whose weight is not that of the
// first one.
func newEqualLineup(members []Member) (lineup, error) {
	l, err := newLineup(members, false)
	if err != nil || l.equal() {
		return l, err
	}
	first := slices.IndexFunc(members, func(m Member) bool { return m.Weight > 0 })
	weight := members[first].Weight
	i := slices.IndexFunc(members, func(m Member) bool { return m.Weight > 0 && m.Weight != weight })
	return l, &GroupError{
		Err: ErrUnequal, Member: members[i].ID, Index: i, Value: uint64(members[i].Weight), Limit: uint64(weight),
	}
}

// places returns the place in the line-up of each of n members, -1 for the
// drained, or nil if that is the identity.
func places(l *lineup, n int) []int32 {
	if l.mapping() == nil && len(l.index) == n {
		return nil
	}
	place := slices.Repeat([]int32{-1}, n)
	for k, i := range l.index {
		place[i] = int32(k)
	}
	return place
}

// placeOf looks a member up in what places returned; n is how many take part.
func placeOf(place []int32, n int, member int32) int {
	if place != nil {
		n = len(place)
	}
	if member < 0 || int(member) >= n {
		return -1
	}
	if place == nil {
		return int(member)
	}
	return int(place[member])
}
