package main

import (
	"image/color"
	"io"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// picture draws how many connections were lost without need up to each second,
// to the left those of gateways without a flow table.
func picture(w io.Writer, list []result) error {
	panels := []*plot.Plot{plot.New(), plot.New()}
	for i, p := range panels {
		p.Title.Text = []string{"without a flow table", "sticky"}[i]
		p.X.Label.Text, p.Y.Label.Text = "seconds", "lost without need, so far"
		p.BackgroundColor = color.White
		p.Add(plotter.NewGrid())
		p.Legend.Top, p.Legend.Left = true, true
	}
	for i, r := range list {
		for k, o := range []outcome{r.Plain, r.Sticky} {
			line, err := plotter.NewLine(o.curve())
			if err != nil {
				return err
			}
			line.Color, line.Dashes = plotutil.DarkColors[i%len(plotutil.DarkColors)], plotutil.Dashes(i)
			line.Width = vg.Points(1.5)
			panels[k].Add(line)
			panels[k].Legend.Add(r.Strategy, line)
		}
	}
	file := vgsvg.New(750, 330) // points: 1,000 pixels wide
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: 20, PadTop: 10, PadBottom: 10, PadLeft: 10, PadRight: 10}
	for i, canvas := range plot.Align([][]*plot.Plot{panels}, tiles, draw.New(file))[0] {
		panels[i].Draw(canvas)
	}
	_, err := file.WriteTo(w)
	return err
}

// curve returns the number of connections lost without need by the second.
func (o outcome) curve() plotter.XYs {
	var points plotter.XYs
	lost := 0
	for t := time.Duration(0); t <= span; t += time.Second {
		for lost < len(o.lost) && o.lost[lost] <= t {
			lost++
		}
		points = append(points, plotter.XY{X: t.Seconds(), Y: float64(lost)})
	}
	return points
}
