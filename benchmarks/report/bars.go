package main

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// A bar is one of a chart, with its value written at its end.
type bar struct {
	name  string
	group int // which colour
	value results.Figure
}

// bars draws horizontal bars from zero, the first at the top.
func bars(title, x string, list []bar, groups []group) (string, error) {
	p := newChart(title, x, "")
	const width = 13
	names := make([]string, len(list))
	greatest := 0.0
	var ends intervals
	for i, b := range list {
		at := float64(len(list) - 1 - i)
		c, err := plotter.NewBarChart(plotter.Values{b.value.Value}, width)
		if err != nil {
			return "", err
		}
		c.Horizontal, c.XMin, c.Color, c.LineStyle.Width = true, at, palette(groups[b.group].colour), 0
		p.Add(c)
		ends.add(results.Figure{Value: b.value.Value, Interval: b.value.Interval}, results.Figure{Value: at})
		names[len(list)-1-i], greatest = b.name, max(greatest, b.value.Value+b.value.Interval)
	}
	if _, err := p.mark(ends, draw.GlyphStyle{Color: color.Gray{0x22}, Shape: draw.PlusGlyph{}}); err != nil {
		return "", err
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
	p.X.Min, p.X.Max = 0, greatest*1.2
	p.X.Tick.Marker = even{}
	if len(groups) > 1 {
		for _, g := range groups {
			c, err := plotter.NewBarChart(plotter.Values{0}, width)
			if err != nil {
				return "", err
			}
			c.Color, c.LineStyle.Width = palette(g.colour), 0
			p.legend = append(p.legend, entry{g.name, []plot.Thumbnailer{c}})
		}
	}
	return p.render(vg.Length(20 + 19*len(list)))
}

// A group is bars of one colour.
type group struct {
	name   string
	colour int
}

// Those of libraries have the same colour on every chart.
func ours() group      { return group{"ecmp", 0} }
func ourBursts() group { return group{"ecmp, bursts of 32", 6} }
func others() group    { return group{"other libraries", 1} }

// even are ticks of a linear axis, without zeros that say nothing.
type even struct{}

// Ticks implements [plot.Ticker].
func (even) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = short(t.Value)
		}
	}
	return ticks
}

func valueLabels(list []bar) plotter.XYLabels {
	var l plotter.XYLabels
	for i, b := range list {
		l.XYs = append(l.XYs, plotter.XY{X: b.value.Value + b.value.Interval, Y: float64(len(list) - 1 - i)})
		l.Labels = append(l.Labels, figure(b.value.Value))
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
