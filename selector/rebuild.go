package selector

import (
	"cmp"
	"slices"
)

// A roster is the members of a Rebuilder without weights, each with its bucket.
// The drained have none.
type roster struct {
	ids    []string
	bucket []int32 // -1: none
}

func newRoster(members []Member) roster {
	r := roster{make([]string, len(members)), make([]int32, len(members))}
	for i, m := range members {
		r.ids[i], r.bucket[i] = m.ID, -1
	}
	return r
}

// succeed returns the roster of a new list, in which the members that stay have
// their buckets; the buckets of those that left or were drained, in order of
// ID; and the indexes of those that have no bucket yet, in order of ID.
func (r *roster) succeed(members []Member, l *lineup, prev []int) (next roster, left, joined []int32, err error) {
	stays := make([]bool, len(r.ids))
	if err := checkPrevious(members, prev, len(r.ids)); err != nil {
		return roster{}, nil, nil, err
	}
	next = newRoster(members)
	for _, i := range l.index {
		if before := prev[i]; before >= 0 && r.bucket[before] >= 0 {
			next.bucket[i], stays[before] = r.bucket[before], true
		} else {
			joined = append(joined, i)
		}
	}
	for i, stay := range stays {
		if !stay && r.bucket[i] >= 0 {
			left = append(left, int32(i))
		}
	}
	slices.SortFunc(left, func(a, b int32) int { return cmp.Compare(r.ids[a], r.ids[b]) })
	for k, i := range left {
		left[k] = r.bucket[i]
	}
	return next, left, joined, nil
}

// checkPrevious checks what Rebuild is told: for each member an index below
// before, none of them twice, or -1.
func checkPrevious(members []Member, prev []int, before int) error {
	if len(prev) != len(members) {
		return &GroupError{Err: ErrPrevious, Index: -1, Value: uint64(len(prev)), Limit: uint64(len(members))}
	}
	seen := make([]bool, before)
	for i, p := range prev {
		if p < -1 || p >= before || p >= 0 && seen[p] {
			return &GroupError{Err: ErrPrevious, Member: members[i].ID, Index: i, Value: uint64(int64(p)),
				Limit: uint64(before)}
		}
		if p >= 0 {
			seen[p] = true
		}
	}
	return nil
}
