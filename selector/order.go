package selector

import "iter"

// Order yields the members that may take hash h, each once, in order of
// preference: first the one that Select returns, then those that come next for
// the hash where the selector is a [Ranker], and else those that follow by
// index. Members that are drained or down are left out, and backups come last.
// It is for placers that look at load: they take the first with room.
//
// Each step after the first takes the time of Next, O(N), and what is down at
// that moment counts.
func (v *View) Order(h uint64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		first := v.Select(h)
		if first < 0 || !yield(first) {
			return
		}
		if v.order(&v.tier, h, first, yield) {
			if standby := v.standby(); standby != nil {
				v.order(standby, h, first, yield)
			}
		}
	}
}

// order yields the usable members of a tier but for first, and reports whether
// more are wanted.
func (v *View) order(t *tier, h uint64, first int32, yield func(int32) bool) bool {
	own := t.selector.Select(h & t.mask)
	next := t.follow
	if r, ok := t.selector.(Ranker); ok {
		next = func(own, after int32) int32 { return r.Next(h&t.mask, after) }
	}
	for i := own; i >= 0; i = next(own, i) {
		if i != first && v.Usable(i) && !yield(i) {
			return false
		}
	}
	return true
}

// follow returns the member that a tier places after another by index, from own
// all around; -1 at the end.
func (t *tier) follow(own, after int32) int32 {
	for n := int32(len(t.placed)); ; {
		after = (after + 1) % n
		if after == own {
			return -1
		}
		if t.placed[after].Weight > 0 {
			return after
		}
	}
}
