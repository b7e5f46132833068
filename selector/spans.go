package selector

// spans divides a range of numbers that starts at 0 into consecutive spans, each owned by a member.
type spans struct {
	ends  []uint32 // the first number behind each span, rising
	owner []int32
}

// add appends the span from the end of the last one up to end. An empty span is left out: nothing is in it.
func (s *spans) add(end uint32, owner int32) {
	if n := len(s.ends); end > 0 && (n == 0 || end > s.ends[n-1]) {
		s.ends, s.owner = append(s.ends, end), append(s.owner, owner)
	}
}

// find returns the owner of x, which must lie below the last end: a binary search without unpredictable branches.
func (s *spans) find(x uint32) int {
	low, n := 0, len(s.ends)
	for n > 1 {
		half := n >> 1
		if s.ends[low+half-1] <= x {
			low += half
		}
		n -= half
	}
	return int(s.owner[low])
}

// weightSpans gives each member of a line-up as many consecutive numbers as it has weight.
func weightSpans(l *lineup) spans {
	s := spans{ends: make([]uint32, 0, len(l.index)), owner: make([]int32, 0, len(l.index))}
	end := uint32(0)
	for k, i := range l.index {
		end += l.weights[k]
		s.add(end, i)
	}
	return s
}
