package results

import (
	"fmt"
	"math"
)

// Times is how the times of two runs compare, as ratios of sides that took
// turns in each.
type Times struct {
	Ratios, Near int // compared, and of them those within Tolerance
	Told         int // by the first run and its repeats
	// ratios of these that are beyond 1 on the other side in the second run
	Reversed []string
}

// CompareTimes says whether a second run, which is none of the repeats of the
// first one, tells the same of which side is faster.
func CompareTimes(a, b *Run) (t Times) {
	second := map[[2]string]float64{}
	for _, r := range b.Ratios() {
		second[[2]string{r.Ours, r.Theirs}] = r.Value()
	}
	for _, r := range a.Ratios() {
		v, w := r.Mean(), second[[2]string{r.Ours, r.Theirs}]
		if w == 0 {
			continue
		}
		t.Ratios++
		if math.Abs(v-w) <= Tolerance*min(v, w) {
			t.Near++
		}
		if !a.Told(r) {
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
