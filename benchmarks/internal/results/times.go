package results

import (
	"fmt"
	"math"
)

// Times is how the times of two runs compare, as ratios of sides that took
// turns in each.
type Times struct {
	Ratios, Near int // compared, and of them those within Tolerance
	Told         int // that the intervals of the first run tell from 1
	// ratios of these that are beyond 1 on the other side in the second run
	Reversed []string
}

// CompareTimes says whether two runs tell the same of which side is faster.
// Intervals are of the blocks of one run: what a busy machine does to it from
// first to last is not in them.
func CompareTimes(a, b *Run) (t Times) {
	second := map[[2]string]Ratio{}
	for _, r := range b.Ratios() {
		second[[2]string{r.Ours, r.Theirs}] = r
	}
	for _, r := range a.Ratios() {
		other, ok := second[[2]string{r.Ours, r.Theirs}]
		if !ok {
			continue
		}
		t.Ratios++
		v, w := r.Value(), other.Value()
		if math.Abs(v-w) <= Tolerance*min(v, w) {
			t.Near++
		}
		ours, theirs, err := a.Both(r.Ours, r.Theirs)
		if err != nil {
			continue // not measured, but by somebody else
		}
		x, _ := ours.Timed()
		y, _ := theirs.Timed()
		if !Apart(x, y) {
			continue
		}
		t.Told++
		if (v > 1) != (w > 1) {
			t.Reversed = append(t.Reversed, fmt.Sprintf("%s takes %.3f times as long as %s, and %.3f in the other run",
				r.Theirs, v, r.Ours, w))
		}
	}
	return t
}
