package results

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Tolerance is how far a ratio of medians may be off in another run on the same
// machine.
const Tolerance = .25

// Agreement is how two runs compare.
type Agreement struct {
	Ratios, Figures int     // how many were compared
	Worst           float64 // the greatest difference of a ratio, as a share of it
	// ratios that differ by more than Tolerance, figures of placement that
	// differ at all, and what is in one run only
	Complaints []string
	// what is not compared, of a quick and a full run: they have cases and draws
	// of their own
	Notes []string
}

// Compare says whether two runs on one machine agree: on every ratio within
// Tolerance, on every figure of placement exactly. Memory is not compared.
func Compare(a, b *Run) Agreement {
	var g Agreement
	complain := func(format string, args ...any) { g.Complaints = append(g.Complaints, fmt.Sprintf(format, args...)) }
	theirs, draws := byName(b), 0
	ours := map[string]bool{}
	for _, c := range a.Cases {
		if ours[c.Name] {
			continue // of another origin
		}
		ours[c.Name] = true
		other, ok := theirs[c.Name]
		if !ok {
			continue
		}
		for unit, v := range c.Figures {
			w, ok := other.Figures[unit]
			switch {
			case Approximate(unit):
			case ok && a.Quick != b.Quick && v.Draws != w.Draws:
				draws++
			case !ok && a.Quick != b.Quick:
			case !ok:
				complain("%s: no %s in the second run", c.Name, unit)
			default:
				g.Figures++
				if v != w {
					complain("%s: %v and %v %s", c.Name, v.Value, w.Value, unit)
				}
			}
		}
		for unit := range other.Figures {
			if _, ok := c.Figures[unit]; !ok && !Approximate(unit) && a.Quick == b.Quick {
				complain("%s: no %s in the first run", c.Name, unit)
			}
		}
	}
	if a.Quick != b.Quick {
		g.Notes = append(g.Notes, unmatched(a, b)...)
	} else {
		g.Complaints = append(g.Complaints, unmatched(a, b)...)
	}
	if draws > 0 {
		g.Notes = append(g.Notes, fmt.Sprintf("%d figures are of another number of draws", draws))
	}

	second := map[[2]string]float64{}
	for _, r := range b.Ratios() {
		second[[2]string{r.Ours, r.Theirs}] = r.Value()
	}
	for _, r := range a.Ratios() {
		w, ok := second[[2]string{r.Ours, r.Theirs}]
		if !ok {
			continue // a case of it is only in the first run, which is complained of above
		}
		g.Ratios++
		off := math.Abs(r.Value()-w) / min(r.Value(), w)
		g.Worst = max(g.Worst, off)
		if off > Tolerance {
			complain("%s over %s: %.3f and %.3f, %.0f %% off", r.Theirs, r.Ours, r.Value(), w, 100*off)
		}
	}
	return g
}

// byName returns the cases by their names. The first of a name counts.
func byName(r *Run) map[string]Case {
	cases := make(map[string]Case, len(r.Cases))
	for _, c := range slices.Backward(r.Cases) {
		cases[c.Name] = c
	}
	return cases
}

// unmatched tells of cases that only one of two runs has, by suite.
func unmatched(a, b *Run) (texts []string) {
	for i, run := range [][2]map[string]Case{{byName(a), byName(b)}, {byName(b), byName(a)}} {
		alone := map[string][]string{}
		for name := range run[0] {
			if _, ok := run[1][name]; !ok {
				alone[Suite(name)] = append(alone[Suite(name)], name)
			}
		}
		for _, suite := range slices.Sorted(maps.Keys(alone)) {
			texts = append(texts, fmt.Sprintf("%s: %d cases only in the %s run, such as %s", suite,
				len(alone[suite]), []string{"first", "second"}[i], slices.Min(alone[suite])))
		}
	}
	return texts
}
