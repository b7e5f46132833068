package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A chart is as wide as 1,000 pixels of CSS, and its letters are legible at
// that width.
const (
	chartWidth  = 750 * vg.Inch / 72
	legendWidth = 150 * vg.Inch / 72
	textSize    = 10.5 * vg.Inch / 72
)

// palette is that of Okabe and Ito, which colour-blind readers can tell apart,
// without its yellow, which is too light for lines.
func palette(i int) color.Color {
	all := []color.RGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff},
		{0x00, 0x00, 0x00, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff},
	}
	return all[i%len(all)]
}

// glyph returns shapes in turn, so that lines of one colour differ as well.
func glyph(i int) draw.GlyphDrawer {
	all := []draw.GlyphDrawer{
		draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.SquareGlyph{}, draw.RingGlyph{},
		draw.TriangleGlyph{}, draw.CrossGlyph{},
		draw.PlusGlyph{},
	}
	return all[i%len(all)]
}

// A chart is a plot with its words. They are written by hand: gonum/plot leaves
// room for the labels of logarithmic axes in the wrong place.
type chart struct {
	*plot.Plot
	title, x, y string
	words       text.Style
}

// newChart returns an empty chart in our style.
func newChart(title, x, y string) *chart {
	p := plot.New()
	style := func(s *text.Style, size vg.Length) {
		s.Font = font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
		s.Color = color.Gray{0x22}
	}
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		style(&a.Tick.Label, textSize-.5)
		a.Color, a.Tick.Color = color.Gray{0x66}, color.Gray{0x66}
	}
	style(&p.Legend.TextStyle, textSize-.5)
	p.Legend.ThumbnailWidth, p.Legend.Padding = 26, 3
	p.BackgroundColor = color.White
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe0}, color.Gray{0xe0}
	p.Add(grid)
	c := &chart{Plot: p, title: title, x: x, y: y, words: p.X.Tick.Label}
	c.words.XAlign, c.words.YAlign = text.XLeft, text.YBottom
	return c
}

// render draws a chart, with its legend, if it has any, on the right of it.
func (c *chart) render(height vg.Length, legend bool) (string, error) {
	file := vgsvg.New(chartWidth, height)
	canvas := draw.New(file)
	canvas.SetColor(color.White)
	canvas.Fill(canvas.Path())
	title, right := c.words, vg.Length(0)
	title.Font = font.From(title.Font, textSize+3)
	canvas.FillText(title, vg.Point{X: 8, Y: height - 22}, c.title)
	canvas.FillText(c.words, vg.Point{X: 8, Y: height - 40}, c.y)
	if legend {
		right = legendWidth
	}
	xLabel := c.words
	xLabel.XAlign = text.XCenter
	canvas.FillText(xLabel, vg.Point{X: (chartWidth - right) / 2, Y: 6}, c.x)
	frame := draw.Crop(canvas, 8, -14-right, 24, -50)
	if legend {
		l := c.Legend
		l.Top, l.Left = true, true
		c.Legend = plot.NewLegend()
		l.Draw(draw.Crop(canvas, chartWidth-right, 0, 0, -50))
	}
	c.Draw(frame)
	var svg bytes.Buffer
	if _, err := file.WriteTo(&svg); err != nil {
		return "", err
	}
	return tidySVG(svg.String()), nil
}

// tidySVG names fonts that readers have: Arial and Helvetica are as wide as
// Liberation Sans, in which the text was laid out. Lengths in pixels, which are
// what a page has, and no declaration, so that a page can hold it.
func tidySVG(svg string) string {
	svg = regexp.MustCompile(`(?s)^<\?xml.*?-->\s*`).ReplaceAllString(svg, "")
	svg = regexp.MustCompile(`font-family:[^;"]*`).ReplaceAllString(svg,
		"font-family:Helvetica,Arial,'Liberation Sans',sans-serif")
	return regexp.MustCompile(`width="([0-9.]+)pt" height="([0-9.]+)pt"`).ReplaceAllStringFunc(svg,
		func(size string) string {
			var w, h float64
			if _, err := fmt.Sscanf(size, `width="%gpt" height="%gpt"`, &w, &h); err != nil {
				return size
			}
			return fmt.Sprintf(`width="%.0f" height="%.0f"`, w*96/72, h*96/72)
		})
}

// A series is a line of a chart.
type series struct {
	name   string
	style  int // its colour and shape
	dashes []vg.Length
	points plotter.XYs
}

// dashed is the line of another library, dotted that of look-ups in bursts.
func dashed() []vg.Length { return []vg.Length{5, 3} }
func dotted() []vg.Length { return []vg.Length{1, 2} }

// lines draws series over axes that are both logarithmic.
func lines(title, x, y string, list []series) (string, error) {
	p := newChart(title, x+" (logarithmic)", y+" (logarithmic)")
	// the legend in the order of the lines' ends
	slices.SortStableFunc(list, func(a, b series) int { return -cmp.Compare(last(a), last(b)) })
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = decades{}, decades{}
	for _, s := range list {
		line, points, err := plotter.NewLinePoints(s.points)
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
		line.Color, line.Width, line.Dashes = palette(s.style), 1.4, s.dashes
		points.Color, points.Shape, points.Radius = palette(s.style), glyph(s.style), 2.8
		p.Add(line, points)
		p.Legend.Add(s.name, line, points)
	}
	p.X.Min, p.X.Max = p.X.Min/1.15, p.X.Max*1.15
	p.Y.Min, p.Y.Max = below(p.Y.Min/1.05), above(p.Y.Max*1.05)
	return p.render(max(380, vg.Length(90+16*len(list))), true)
}

func last(s series) float64 { return s.points[len(s.points)-1].Y }

// below and above round to 1, 2 or 5 times a power of ten.
func below(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	switch {
	case v >= 5*power:
		return 5 * power
	case v >= 2*power:
		return 2 * power
	}
	return power
}

func above(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	switch {
	case v <= power:
		return power
	case v <= 2*power:
		return 2 * power
	case v <= 5*power:
		return 5 * power
	}
	return 10 * power
}

// decades marks powers of ten, and on short axes twice and five times as much.
type decades struct{}

// Ticks implements [plot.Ticker].
func (decades) Ticks(low, high float64) (ticks []plot.Tick) {
	dense := math.Log10(high/low) < 2.6
	for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
		for step := 1.; step < 10; step++ {
			v := step * power
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			label := ""
			if step == 1 || dense && (step == 2 || step == 5) {
				label = short(v)
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
	}
	return ticks
}

// short writes a number for an axis: 0.01, 5, 1,000, 20 k, 1 M.
func short(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if v >= unit.size {
			return strconv.FormatFloat(v/unit.size, 'g', 4, 64) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
