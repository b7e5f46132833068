package selector

import "math/bits"

// spans divides a range of numbers that starts at 0 into consecutive spans,
// each owned by a member.
type spans struct {
	ends  []uint32 // the first number behind each span, rising
	owner []int32

	// guide[x>>shift] and the entry after it are the first and the last span
	// that x may be in, mostly the same one. A binary search of all spans would
	// mispredict every other branch.
	guide []uint16
	shift uint8
}

// newSpans makes spans from their ends, which must not fall. It leaves empty
// spans out.
func newSpans(ends []uint32, owner []int32) spans {
	s := spans{ends: make([]uint32, 0, len(ends)), owner: make([]int32, 0, len(ends))}
	last := uint32(0)
	for k, end := range ends {
		if end > last {
			s.ends, s.owner = append(s.ends, end), append(s.owner, owner[k])
			last = end
		}
	}
	const cellsPerSpan = 4
	s.shift = uint8(max(0, bits.Len32(last-1)-bits.Len(uint(cellsPerSpan*len(s.ends)-1))))
	s.guide = make([]uint16, int((last-1)>>s.shift)+2)
	span := 0
	for cell := range s.guide {
		for span < len(s.ends)-1 && uint64(s.ends[span]) <= uint64(cell)<<s.shift {
			span++
		}
		s.guide[cell] = uint16(span)
	}
	return s
}

// find returns the owner of x, which must lie below the last end. Mostly that is
// one comparison, without a branch that could be mispredicted.
func (s *spans) find(x uint32) int32 {
	cell := x >> (s.shift & 31)
	low, high := int(s.guide[cell]), int(s.guide[cell+1])
	if high-low <= 1 {
		return s.owner[low+int(1-(uint64(x)-uint64(s.ends[low]))>>63)]
	}
	for low < high {
		if mid := int(uint(low+high) / 2); s.ends[mid] <= x {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return s.owner[low]
}

// weightSpans gives each member of a line-up as many consecutive numbers as it
// has weight.
func weightSpans(l *lineup) spans {
	ends, sum := make([]uint32, len(l.index)), uint32(0)
	for k, w := range l.weights {
		sum += w
		ends[k] = sum
	}
	return newSpans(ends, l.index)
}
