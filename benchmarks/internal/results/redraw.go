package results

import (
	"fmt"
	"math"
)

// Redraw is how two runs of different sets of draws compare.
type Redraw struct {
	Means, Within int // figures of draws in both, and those whose means the intervals do not tell apart
	Pairs         int // differences of two strategies in the first run that its intervals tell apart
	// exact figures that differ, and differences that have another sign in the
	// second run
	Complaints []string
}

// CompareDraws says whether two runs of different sets of draws tell the same:
// of how many figures the two means differ by no more than the root of the sum
// of the squares of their intervals, and which differences between strategies
// changed their sign. Times and memory are not compared.
func CompareDraws(a, b *Run) Redraw {
	var g Redraw
	contests := map[[2]string][][2]Figure{} // of a contest and a unit, in the order of cases
	for _, c := range a.Cases {
		other, err := b.Find(c.Name)
		if err != nil {
			continue
		}
		for unit, v := range c.Figures {
			w, ok := other.Figures[unit]
			switch {
			case !ok || Approximate(unit):
				continue
			case v.Draws == 0:
				if v != w {
					g.Complaints = append(g.Complaints, fmt.Sprintf("%s: %v and %v %s", c.Name, v.Value, w.Value, unit))
				}
				continue
			}
			g.Means++
			if !Apart(v, w) {
				g.Within++
			}
			key := [2]string{without(c.Name, "impl", "form", "strategy", "slots", "slack"), unit}
			for _, x := range contests[key] {
				if !Apart(v, x[0]) {
					continue
				}
				g.Pairs++
				if (v.Value > x[0].Value) != (w.Value > x[1].Value) {
					g.Complaints = append(g.Complaints, fmt.Sprintf(
						"%s: %s is %v beside %v, and in the other draws %v beside %v",
						c.Name, unit, v.Value, x[0].Value, w.Value, x[1].Value))
				}
			}
			contests[key] = append(contests[key], [2]Figure{v, w})
		}
	}
	return g
}

// Apart reports whether two means differ by more than their intervals allow.
func Apart(a, b Figure) bool {
	return math.Abs(a.Value-b.Value) > math.Hypot(a.Interval, b.Interval)*(1+1e-9)
}
