package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// A chart is narrow, so that its letters are legible on a telephone, where it
// is shown at three quarters of its width. On wide pages it is shown larger.
const (
	chartWidth = 480
	textSize   = 13
	lineHeight = 17 // of a legend
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

// look is how points of a style look.
func look(style int, radius vg.Length) draw.GlyphStyle {
	return draw.GlyphStyle{Color: palette(style), Shape: glyph(style), Radius: radius}
}

// A chart is a plot with its words. They are written by hand: gonum/plot leaves
// room for the labels of logarithmic axes in the wrong place.
type chart struct {
	*plot.Plot
	title, x, y string
	words       text.Style
	legend      []entry
}

// An entry is a name in a legend.
type entry struct {
	name  string
	thumb []plot.Thumbnailer
}

// newChart returns an empty chart in our style.
func newChart(title, x, y string) *chart {
	p := plot.New()
	style := func(s *text.Style, size vg.Length) {
		s.Font = font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
		s.Color = color.Gray{0x22}
	}
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		style(&a.Tick.Label, textSize)
		a.Color, a.Tick.Color = color.Gray{0x66}, color.Gray{0x66}
	}
	p.BackgroundColor = color.White
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe0}, color.Gray{0xe0}
	p.Add(grid)
	c := &chart{Plot: p, title: title, x: x, y: y, words: p.X.Tick.Label}
	c.words.XAlign, c.words.YAlign = text.XLeft, text.YBottom
	return c
}

// render draws a chart whose axes take this height, with its legend, if it has
// any, below them.
func (c *chart) render(axes vg.Length) (string, error) {
	const (
		margin = 8
		below  = 44 // the ticks and the label of the x axis
		above  = 52 // the title and the label of the y axis
		thumb  = 26
	)
	widest := vg.Length(1)
	for _, e := range c.legend {
		widest = max(widest, c.words.Width(e.name))
	}
	columns := min(max(1, int((chartWidth-2*margin)/(widest+thumb+16))), max(1, len(c.legend)))
	rows := (len(c.legend) + columns - 1) / columns
	bottom := vg.Length(rows) * lineHeight
	height := axes + above + below + bottom
	file := vgsvg.New(chartWidth, height)
	canvas := draw.New(file)
	canvas.SetColor(color.White)
	canvas.Fill(canvas.Path())
	title := c.words
	title.Font = font.From(title.Font, textSize+2.5)
	canvas.FillText(title, vg.Point{X: margin, Y: height - 22}, c.title)
	canvas.FillText(c.words, vg.Point{X: margin, Y: height - 42}, c.y)
	xLabel := c.words
	xLabel.XAlign = text.XCenter
	canvas.FillText(xLabel, vg.Point{X: chartWidth / 2, Y: bottom + margin}, c.x)
	for i, e := range c.legend {
		x := margin + vg.Length(i/rows)*(chartWidth-2*margin)/vg.Length(columns)
		y := bottom - vg.Length(i%rows+1)*lineHeight + margin/2
		for _, t := range e.thumb {
			box := draw.Crop(canvas, x, x+thumb-chartWidth, y, y+10-height)
			t.Thumbnail(&box)
		}
		canvas.FillText(c.words, vg.Point{X: x + thumb + 6, Y: y}, e.name)
	}
	c.Draw(draw.Crop(canvas, margin, -16, bottom+below-18, -above))
	var svg bytes.Buffer
	if _, err := file.WriteTo(&svg); err != nil {
		return "", err
	}
	return c.tidySVG(svg.String()), nil
}

// tidySVG makes an SVG part of a page. It has no declaration, lengths in pixels
// and its title for screen readers. Every text is told how long it is in the
// font in which the chart was laid out, so that it fits in any other.
func (c *chart) tidySVG(svg string) string {
	svg = regexp.MustCompile(`(?s)^<\?xml.*?-->\s*`).ReplaceAllString(svg, "")
	svg = regexp.MustCompile(`font-family:[^;"]*`).ReplaceAllString(svg,
		"font-family:Helvetica,Arial,'Liberation Sans',sans-serif")
	svg = regexp.MustCompile(`<svg width="([0-9.]+)pt" height="([0-9.]+)pt"`).ReplaceAllString(svg,
		`<svg role="img" aria-label="`+html.EscapeString(c.title)+`" width="$1" height="$2"`)
	words := regexp.MustCompile(`(?s)<text ([^>]*font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)
	return words.ReplaceAllStringFunc(svg, func(found string) string {
		m := words.FindStringSubmatch(found)
		size, err := strconv.ParseFloat(m[2], 64)
		written := html.UnescapeString(m[3])
		if err != nil || strings.TrimSpace(written) == "" {
			return found
		}
		style := c.words
		style.Font = font.From(style.Font, vg.Length(size))
		return fmt.Sprintf(`<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" %s>%s</text>`,
			float64(style.Width(written)), m[1], m[3])
	})
}

// A series is a line of a chart.
type series struct {
	name   string
	style  int // its colour and shape
	dashes []vg.Length
	points intervals
}

// intervals are points with half the width of the 95 % interval of each.
type intervals struct {
	plotter.XYs
	plotter.XErrors
	plotter.YErrors
}

func (p *intervals) add(x, y results.Figure) {
	p.XYs = append(p.XYs, plotter.XY{X: x.Value, Y: y.Value})
	p.XErrors = append(p.XErrors, struct{ Low, High float64 }{x.Interval, x.Interval})
	p.YErrors = append(p.YErrors, struct{ Low, High float64 }{y.Interval, y.Interval})
}

// clip keeps the lower ends of intervals on a logarithmic axis that begins at
// these values.
func (p *intervals) clip(x, y float64) {
	for i, at := range p.XYs {
		p.XErrors[i].Low = max(0, min(p.XErrors[i].Low, at.X-x))
		p.YErrors[i].Low = max(0, min(p.YErrors[i].Low, at.Y-y))
	}
}

// mark draws points with their intervals, those that have one.
func (c *chart) mark(points intervals, shape draw.GlyphStyle) (*plotter.Scatter, error) {
	spots, err := plotter.NewScatter(points)
	if err != nil {
		return nil, err
	}
	spots.GlyphStyle = shape
	for i := range points.XYs {
		one := intervals{points.XYs[i : i+1], points.XErrors[i : i+1], points.YErrors[i : i+1]}
		if one.XErrors[0].High > 0 {
			along, err := plotter.NewXErrorBars(one)
			if err != nil {
				return nil, err
			}
			along.Color, along.CapWidth = shape.Color, 5
			c.Add(along)
		}
		if one.YErrors[0].High > 0 {
			up, err := plotter.NewYErrorBars(one)
			if err != nil {
				return nil, err
			}
			up.Color, up.CapWidth = shape.Color, 5
			c.Add(up)
		}
	}
	c.Add(spots)
	return spots, nil
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
		line, err := plotter.NewLine(s.points)
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
		line.Color, line.Width, line.Dashes = palette(s.style), 1.4, s.dashes
		p.Add(line)
		for i, at := range s.points.XYs {
			s.points.YErrors[i].Low = min(s.points.YErrors[i].Low, at.Y/2)
		}
		spots, err := p.mark(s.points, look(s.style, 2.8))
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
		p.legend = append(p.legend, entry{s.name, []plot.Thumbnailer{line, spots}})
	}
	p.X.Min, p.X.Max = p.X.Min/1.15, p.X.Max*1.15
	p.Y.Min, p.Y.Max = below(p.Y.Min/1.05), above(p.Y.Max*1.05)
	return p.render(320)
}

func last(s series) float64 { return s.points.XYs[len(s.points.XYs)-1].Y }

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
