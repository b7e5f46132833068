package results

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Redraw is how two runs of different sets of draws compare.
type Redraw struct {
	// distinct figures of draws in both, and those whose two means differ by no
	// more than the root of the sum of the squares of their intervals
	Means, Within int
	// Error is the standard error of Within/Means. Figures of one suite and one
	// number of members share their draws, so one lucky draw makes many of them
	// agree or differ: the error is that of a ratio of clusters (Cochran,
	// "Sampling Techniques", 3rd ed. 1977, section 9A.2), which takes each such
	// group as one.
	Error float64
	Pairs int // differences of two strategies that the first run tells apart
	// cases that one run alone has, exact figures that differ, and differences
	// that have another sign in the second run
	Complaints []string
}

// Agrees reports whether 19 of 20 means agree, as far as the clusters can tell:
// it is false where a share of .95 is refuted at a level of one in twenty.
func (r Redraw) Agrees() bool {
	return r.Means == 0 || float64(r.Within)/float64(r.Means)+1.645*r.Error >= .95
}

// A difference is one of two figures of the first run, and what became of it.
type difference struct {
	chance   float64 // of one as large where there is none
	reversed bool
	text     string
}

// CompareDraws says whether two runs of different sets of draws tell the same.
// Two figures of the first run are told apart by Welch's t-test (1947), under
// Holm's procedure (1979) for all of them at once: the chance that any one is
// told that is none is 5 %. Memory is not compared, nor are times: see
// [CompareTimes].
func CompareDraws(a, b *Run) Redraw {
	var g Redraw
	theirs := byName(b)
	contests := map[[2]string][][2]Figure{} // of a contest and a unit, in the order of cases
	clusters, seen := map[[2]string]*[2]float64{}, map[[2]string]map[[2]Figure]bool{}
	var differences []difference
	for _, c := range a.Cases {
		other, ok := theirs[c.Name]
		if !ok {
			continue
		}
		for _, unit := range slices.Sorted(maps.Keys(c.Figures)) {
			v := c.Figures[unit]
			w, ok := other.Figures[unit]
			switch {
			case Approximate(unit):
				continue
			case !ok:
				g.Complaints = append(g.Complaints, fmt.Sprintf("%s: no %s in the second run", c.Name, unit))
				continue
			case v.Draws == 0:
				if v != w {
					g.Complaints = append(g.Complaints, fmt.Sprintf("%s: %v and %v %s", c.Name, v.Value, w.Value, unit))
				}
				continue
			}
			key := [2]string{without(c.Name, "impl", "form", "strategy", "slots", "slack", "rule"), unit}
			for _, x := range contests[key] {
				differences = append(differences, difference{
					chance(v, x[0]), (v.Value > x[0].Value) != (w.Value > x[1].Value), fmt.Sprintf(
						"%s: %s is %v beside %v, and in the other draws %v beside %v",
						c.Name, unit, v.Value, x[0].Value, w.Value, x[1].Value),
				})
			}
			contests[key] = append(contests[key], [2]Figure{v, w})
			if seen[key] == nil {
				seen[key] = map[[2]Figure]bool{}
			}
			if pair := [2]Figure{v, w}; !seen[key][pair] { // else it is of the same tables
				seen[key][pair] = true
				cluster := [2]string{Suite(c.Name), Value(c.Name, "n")}
				if clusters[cluster] == nil {
					clusters[cluster] = &[2]float64{}
				}
				clusters[cluster][0]++
				g.Means++
				if !Apart(v, w) {
					clusters[cluster][1]++
					g.Within++
				}
			}
		}
		for _, unit := range slices.Sorted(maps.Keys(other.Figures)) {
			if _, ok := c.Figures[unit]; !ok && !Approximate(unit) {
				g.Complaints = append(g.Complaints, fmt.Sprintf("%s: no %s in the first run", c.Name, unit))
			}
		}
	}
	g.Error = ratioError(slices.Collect(maps.Values(clusters)), g.Within, g.Means)
	told := holm(differences, .05)
	g.Pairs = len(told)
	for _, d := range told {
		if d.reversed {
			g.Complaints = append(g.Complaints, d.text)
		}
	}
	g.Complaints = append(g.Complaints, unmatched(a, b)...)
	return g
}

// Apart reports whether two means differ by more than their intervals allow,
// and by more than rounding: what all draws have in common may differ in its
// last bits, by the order in which it was summed.
func Apart(a, b Figure) bool {
	const rounding = 1e-12
	return math.Abs(a.Value-b.Value) > math.Hypot(a.Interval, b.Interval)*(1+1e-9)+rounding*math.Abs(a.Value)
}

// chance returns how probable a difference of two means as large as this is
// where there is none.
func chance(a, b Figure) float64 {
	va, vb := variance(a), variance(b)
	diff := math.Abs(a.Value - b.Value)
	switch {
	case diff <= 1e-9*math.Abs(a.Value):
		return 1 // both are the same, to rounding
	case va+vb == 0:
		return 0
	}
	degrees := (va + vb) * (va + vb) / (va*va/float64(a.Draws-1) + vb*vb/float64(b.Draws-1))
	return 2 * distuv.StudentsT{Sigma: 1, Nu: degrees}.Survival(diff/math.Sqrt(va+vb))
}

// variance returns that of a mean, which its interval was made of.
func variance(f Figure) float64 {
	if f.Draws < 2 {
		return 0
	}
	t := distuv.StudentsT{Sigma: 1, Nu: float64(f.Draws - 1)}.Quantile(.975)
	return f.Interval / t * f.Interval / t
}

// holm returns the differences that are told, the least probable first.
func holm(list []difference, level float64) []difference {
	slices.SortStableFunc(list, func(a, b difference) int { return cmp.Compare(a.chance, b.chance) })
	for i, d := range list {
		if d.chance > level/float64(len(list)-i) {
			return list[:i]
		}
	}
	return list
}

// ratioError returns the standard error of within/means, of clusters that have
// a number of each.
func ratioError(clusters []*[2]float64, within, means int) float64 {
	rate, sum, n := float64(within)/float64(means), 0., float64(len(clusters))
	if n < 2 {
		return 0
	}
	squares := make([]float64, len(clusters))
	for i, c := range clusters {
		squares[i] = (c[1] - rate*c[0]) * (c[1] - rate*c[0])
	}
	slices.Sort(squares) // a sum that is the same in every run
	for _, s := range squares {
		sum += s
	}
	return math.Sqrt(n/(n-1)*sum) / float64(means)
}
