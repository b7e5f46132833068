package main

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// A bar is one of a chart, with its value written at its end.
type bar struct {
	name  string
	group int // which colour
	value float64
}

// bars draws horizontal bars from zero, the first at the top.
func bars(title, x string, list []bar, groups []string) (string, error) {
	p := newChart(title, x, "")
	const width = 13
	names := make([]string, len(list))
	greatest := 0.0
	for i, b := range list {
		at := float64(len(list) - 1 - i)
		c, err := plotter.NewBarChart(plotter.Values{b.value}, width)
		if err != nil {
			return "", err
		}
		c.Horizontal, c.XMin, c.Color, c.LineStyle.Width = true, at, palette(b.group), 0
		p.Add(c)
		names[len(list)-1-i], greatest = b.name, max(greatest, b.value)
	}
	values, err := plotter.NewLabels(valueLabels(list))
	if err != nil {
		return "", err
	}
	for i := range values.TextStyle {
		values.TextStyle[i] = p.X.Tick.Label
		values.TextStyle[i].XAlign, values.TextStyle[i].YAlign = 0, -.35
	}
	values.Offset.X = 4
	p.Add(values)
	p.NominalY(names...)
	p.Y.Tick.Label.YAlign = -.35
	p.X.Min, p.X.Max = 0, greatest*1.12
	p.X.Tick.Marker = plot.DefaultTicks{}
	for i, g := range groups {
		c, err := plotter.NewBarChart(plotter.Values{0}, width)
		if err != nil {
			return "", err
		}
		c.Color, c.LineStyle.Width = palette(i), 0
		p.Legend.Add(g, c)
	}
	return p.render(vg.Length(110+18*len(list)), len(groups) > 1)
}

func valueLabels(list []bar) plotter.XYLabels {
	var l plotter.XYLabels
	for i, b := range list {
		l.XYs = append(l.XYs, plotter.XY{X: b.value, Y: float64(len(list) - 1 - i)})
		l.Labels = append(l.Labels, figure(b.value))
	}
	return l
}

// figure writes three digits that count.
func figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case math.IsInf(v, 0) || math.Abs(v) >= 1e6:
		return fmt.Sprintf("%.3g", v)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return strconv.FormatFloat(v, 'f', min(digits, 4), 64)
}
