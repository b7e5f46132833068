package results

import (
	"math"
	"slices"
)

// Faster returns the ratios of which the other library is faster: by more than
// the root of the sum of the squares of both intervals, where they are known.
// What the machine can do at most is no library.
func (r *Run) Faster() (list []Ratio) {
	for _, x := range r.Ratios() {
		if slices.Contains([]string{"chase", "memory"}, Value(x.Theirs, "impl")) {
			continue
		}
		ours, theirs, err := r.Both(x.Ours, x.Theirs)
		if err != nil {
			continue // nobody measured both in one run
		}
		a, _ := ours.Timed()
		b, _ := theirs.Timed()
		if a.Value-b.Value > math.Hypot(a.Interval, b.Interval) {
			list = append(list, x)
		}
	}
	return list
}
