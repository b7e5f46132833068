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

// buckets are those of a strategy whose members each have one.
type buckets interface {
	add() uint32 // the bucket that the next member gets
	remove(b uint32)
	assign(b uint32, member int)
}

// admit gives the joiners their buckets, and tells all buckets their members.
func (r *roster) admit(t buckets, joined []int32) {
	for _, i := range joined {
		r.bucket[i] = int32(t.add())
	}
	for i, b := range r.bucket {
		if b >= 0 {
			t.assign(uint32(b), i)
		}
	}
}

// succeed returns the roster of a new list. The members that stay keep their
// buckets, those of members that left or were drained are removed from t, and
// then the others get buckets, each in order of ID.
func (r *roster) succeed(t buckets, members []Member, l *lineup, prev []int32) (roster, error) {
	if err := checkPrevious(members, prev, len(r.ids)); err != nil {
		return roster{}, err
	}
	next, stays := newRoster(members), make([]bool, len(r.ids))
	var left, joined []int32
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
	for _, i := range left {
		t.remove(uint32(r.bucket[i]))
	}
	next.admit(t, joined)
	return next, nil
}

// checkPrevious checks what Rebuild is told: for each member an index below
// before, none of them twice, or -1.
func checkPrevious(members []Member, prev []int32, before int) error {
	if len(prev) != len(members) {
		return &GroupError{Err: ErrPrevious, Index: -1, Value: uint64(len(prev)), Limit: uint64(len(members))}
	}
	seen := make([]bool, before)
	for i, p := range prev {
		if p < -1 || int(p) >= before || p >= 0 && seen[p] {
			return &GroupError{Err: ErrPrevious, Member: members[i].ID, Index: i, Value: uint64(int64(p)),
				Limit: uint64(before)}
		}
		if p >= 0 {
			seen[p] = true
		}
	}
	return nil
}
