package main

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// A spot is a point with a name.
type spot struct {
	name  string
	group int
	x, y  float64
}

// scatter draws spots over logarithmic axes.
func scatter(title, x, y string, spots []spot, groups []string, xs, ys [2]float64) (string, error) {
	const height = 430
	p := newChart(title, x+" (logarithmic)", y+" (logarithmic)")
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = decades{}, decades{}
	for i, g := range groups {
		var points plotter.XYs
		for _, s := range spots {
			if s.group == i {
				points = append(points, plotter.XY{X: s.x, Y: s.y})
			}
		}
		if len(points) == 0 {
			continue
		}
		c, err := plotter.NewScatter(points)
		if err != nil {
			return "", err
		}
		c.Color, c.Shape, c.Radius = palette(i), glyph(i), 4
		p.Add(c)
		p.Legend.Add(g, c)
	}
	// Names keep out of each other's way, on a canvas that is about as large as
	// the axes will leave it.
	const width = chartWidth - legendWidth - 60
	on := func(v float64, axis [2]float64, size vg.Length) vg.Length {
		return size * vg.Length(math.Log(v/axis[0])/math.Log(axis[1]/axis[0]))
	}
	var taken []vg.Rectangle
	for _, s := range spots {
		at := vg.Point{X: on(s.x, xs, width), Y: on(s.y, ys, height-110)}
		taken = append(taken, vg.Rectangle{Min: at.Add(vg.Point{X: -5, Y: -5}), Max: at.Add(vg.Point{X: 5, Y: 5})})
	}
	for i, s := range spots {
		size := vg.Point{X: p.words.Width(s.name), Y: p.words.Height(s.name)}
		offset, box := place(taken[i], size, taken)
		taken = append(taken, box)
		l, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: s.x, Y: s.y}}, Labels: []string{s.name}})
		if err != nil {
			return "", err
		}
		l.TextStyle[0], l.Offset = p.words, offset
		l.TextStyle[0].YAlign = text.YBottom
		p.Add(l)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = xs[0], xs[1], ys[0], ys[1]
	return p.render(height, true)
}

// place finds a place for a name of this size beside a spot that overlaps with
// nothing: on the right if it can, else above, below or on the left, further
// away each time.
func place(spot vg.Rectangle, size vg.Point, taken []vg.Rectangle) (offset vg.Point, box vg.Rectangle) {
	center := spot.Min.Add(spot.Max).Scale(.5)
	for distance := vg.Length(8); ; distance += 6 {
		for _, try := range []vg.Point{
			{X: distance, Y: -size.Y / 2}, {X: distance / 2, Y: distance - 2},
			{X: distance / 2, Y: -size.Y - distance + 4},
			{X: -size.X - distance, Y: -size.Y / 2}, {X: -size.X / 2, Y: distance},
			{X: -size.X / 2, Y: -size.Y - distance},
		} {
			box = vg.Rectangle{Min: center.Add(try), Max: center.Add(try).Add(size)}
			free := true
			for _, t := range taken {
				free = free && (box.Max.X < t.Min.X || t.Max.X < box.Min.X || box.Max.Y < t.Min.Y ||
					t.Max.Y < box.Min.Y)
			}
			if free || distance > 60 {
				return try, box
			}
		}
	}
}
