package results

import (
	"math"
	"slices"
)

// Faster returns the ratios of which the other library is faster in this run or
// in a repeat: by more than the root of the sum of the squares of both
// intervals, where they are known. What the machine can do at most is no
// library.
func (r *Run) Faster() (list []Ratio) {
	for _, x := range r.Ratios() {
		runs := append([]*Run{r}, r.Repeats...)
		if !atMost(x.Theirs) && slices.ContainsFunc(runs, func(r *Run) bool { return r.loses(x) }) {
			list = append(list, x)
		}
	}
	return list
}

// loses reports whether the other library is faster in this run.
func (r *Run) loses(x Ratio) bool {
	ours, theirs, err := r.Both(x.Ours, x.Theirs)
	if err != nil {
		return false // nobody measured both in one run
	}
	a, _ := ours.Timed()
	b, _ := theirs.Timed()
	return a.Value-b.Value > math.Hypot(a.Interval, b.Interval)
}
