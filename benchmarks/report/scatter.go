package main

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// A spot is a point with a name.
type spot struct {
	name  string
	group int
	x, y  results.Figure
}

// A scale is an axis of a scatter plot.
type scale struct {
	label     string
	low, high float64
	linear    bool
}

// at returns where on an axis of this length a value is.
func (s scale) at(v float64, length vg.Length) vg.Length {
	if s.linear {
		return length * vg.Length((v-s.low)/(s.high-s.low))
	}
	return length * vg.Length(math.Log(v/s.low)/math.Log(s.high/s.low))
}

func (s scale) apply(a *plot.Axis) {
	a.Min, a.Max, a.Tick.Marker = s.low, s.high, even{}
	if !s.linear {
		a.Scale, a.Tick.Marker = plot.LogScale{}, decades{}
	}
}

// scatter draws spots with their names.
func scatter(title string, x, y scale, spots []spot, groups []group) (string, error) {
	const height = 330
	p := newChart(title, x.label, y.label)
	for i, g := range groups {
		var points intervals
		for _, s := range spots {
			if s.group == i {
				points.add(s.x, s.y)
			}
		}
		if len(points.XYs) == 0 {
			continue
		}
		points.clip(x.low, y.low)
		c, err := p.mark(points, look(g.colour, 4))
		if err != nil {
			return "", err
		}
		p.legend = append(p.legend, entry{g.name, []plot.Thumbnailer{c}})
	}
	if len(p.legend) == 1 {
		p.legend = nil // it says nothing
	}
	// Names keep out of each other's way, on a canvas that is about as large as
	// the axes will leave it.
	const width = chartWidth - 70
	var taken []vg.Rectangle
	for _, s := range spots {
		at := vg.Point{X: x.at(s.x.Value, width), Y: y.at(s.y.Value, height-20)}
		end := x.at(s.x.Value+s.x.Interval, width) - at.X + 5
		taken = append(taken, vg.Rectangle{Min: at.Add(vg.Point{X: -end, Y: -5}), Max: at.Add(vg.Point{X: end, Y: 5})})
	}
	for i, s := range spots {
		size := vg.Point{X: p.words.Width(s.name), Y: p.words.Height(s.name)}
		offset, box := place(taken[i], size, taken, width)
		taken = append(taken, box)
		l, err := plotter.NewLabels(plotter.XYLabels{
			XYs: plotter.XYs{{X: s.x.Value, Y: s.y.Value}}, Labels: []string{s.name},
		})
		if err != nil {
			return "", err
		}
		l.TextStyle[0], l.Offset = p.words, offset
		l.TextStyle[0].YAlign = text.YBottom
		p.Add(l)
	}
	x.apply(&p.X)
	y.apply(&p.Y)
	return p.render(height)
}

// place finds a place for a name of this size beside a spot that overlaps with
// nothing: on the right if it can, else above, below or on the left, further
// away each time.
func place(spot vg.Rectangle, size vg.Point, taken []vg.Rectangle, width vg.Length) (offset vg.Point,
	box vg.Rectangle,
) {
	center := spot.Min.Add(spot.Max).Scale(.5)
	for distance := vg.Length(8); ; distance += 6 {
		for _, try := range []vg.Point{
			{X: distance, Y: -size.Y / 2}, {X: distance / 2, Y: distance - 2},
			{X: distance / 2, Y: -size.Y - distance + 4},
			{X: -size.X - distance, Y: -size.Y / 2}, {X: -size.X / 2, Y: distance},
			{X: -size.X / 2, Y: -size.Y - distance},
		} {
			box = vg.Rectangle{Min: center.Add(try), Max: center.Add(try).Add(size)}
			free := box.Min.X >= 0 && box.Max.X <= width && box.Min.Y >= 0
			for _, t := range taken {
				free = free && (box.Max.X < t.Min.X || t.Max.X < box.Min.X || box.Max.Y < t.Min.Y ||
					t.Max.Y < box.Min.Y)
			}
			if free || distance > 90 {
				return try, box
			}
		}
	}
}
