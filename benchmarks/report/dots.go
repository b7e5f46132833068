package main

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// A row is one of a chart of dots.
type row struct {
	name  string
	marks []mark
}

// A mark is a value in a row.
type mark struct {
	series string
	style  int
	value  results.Figure
}

// dots draws rows, the first at the top, over a logarithmic axis. What is
// smaller than its left end is drawn there.
func dots(title, x string, rows []row, ends [2]float64) (string, error) {
	p := newChart(title, x, "")
	points, styles, order := map[string]*intervals{}, map[string]int{}, []string(nil)
	names := make([]string, len(rows))
	for i, r := range rows {
		at := float64(len(rows) - 1 - i)
		names[len(rows)-1-i] = r.name
		for k, m := range r.marks {
			if points[m.series] == nil {
				points[m.series], styles[m.series], order = new(intervals), m.style, append(order, m.series)
			}
			m.value.Value = max(m.value.Value, ends[0])
			// in one row a little below each other, so that none hides another
			y := at + .3 - .6*float64(k)/float64(max(1, len(r.marks)-1))
			points[m.series].add(m.value, results.Figure{Value: y})
		}
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	for _, s := range order {
		points[s].clip(ends[0], -1)
		c, err := p.mark(*points[s], look(styles[s], 3.6))
		if err != nil {
			return "", fmt.Errorf("%s: %w", s, err)
		}
		p.legend = append(p.legend, entry{s, []plot.Thumbnailer{c}})
	}
	p.NominalY(names...)
	p.Y.Tick.Label.YAlign = -.35
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = ends[0], ends[1], -.6, float64(len(rows))-.4
	return p.render(vg.Length(20 + 26*len(rows)))
}
