package results

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
)

// CSV writes a line for each figure of each case, times among them.
func (r *Run) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	lines := [][]string{{"case", "unit", "value", "interval", "draws", "least", "most", "commit", "date", "cpu"}}
	for _, c := range r.Cases {
		figures := maps.Clone(c.Figures)
		if f, ok := c.Timed(); ok {
			if figures == nil {
				figures = map[string]Figure{}
			}
			figures[Time] = f
		}
		o := r.Origins[c.Origin]
		for _, unit := range slices.Sorted(maps.Keys(figures)) {
			f := figures[unit]
			if f.Draws == 0 {
				f.Least, f.Most = f.Value, f.Value
			}
			lines = append(lines, []string{c.Name, unit, number(f.Value), number(f.Interval), strconv.Itoa(f.Draws),
				number(f.Least), number(f.Most), o.Commit, o.Date, o.CPU})
		}
	}
	return out.WriteAll(lines)
}
