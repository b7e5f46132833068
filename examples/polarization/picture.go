package main

import (
	"bytes"
	"fmt"
	"io"
)

// Sizes of the picture, in pixels.
const (
	margin   = 20
	panel    = 150 // height of one scenario
	bars     = 110 // height of the highest bar
	tierSize = 360 // width of a tier
	caption  = 130
	aside    = 40 // width of the word to the right of a line

	highest = 6 // the load that the highest bar shows, in means
)

// A canvas is a picture in SVG that is being drawn. Its methods escape nothing.
type canvas struct{ b bytes.Buffer }

func (c *canvas) rect(x, y, width, height int, colour string) {
	fmt.Fprintf(&c.b, "<rect x='%d' y='%d' width='%d' height='%d' fill='%s'/>\n", x, y, width, height, colour)
}

func (c *canvas) line(x1, x2, y int, dashes string) {
	fmt.Fprintf(&c.b, "<line x1='%d' x2='%d' y1='%d' y2='%d' stroke='#222' stroke-dasharray='%s'/>\n", x1, x2, y, y,
		dashes)
}

func (c *canvas) text(x, y int, text string) {
	fmt.Fprintf(&c.b, "<text x='%d' y='%d'>%s</text>\n", x, y, text)
}

// draw draws a bar for each link, those of the first tier to the left, with a
// line at the mean.
func draw(w io.Writer, o options, results []result) error {
	var c canvas
	tiers := len(o.plan.Tiers) - 1
	width, height := caption+tiers*(tierSize+margin)+aside, len(results)*panel+3*margin
	fmt.Fprintf(&c.b, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' ", width, height)
	c.b.WriteString("font-family='sans-serif' font-size='13'>\n")
	c.rect(0, 0, width, height, "white")
	for k := range tiers {
		c.text(caption+margin+k*(tierSize+margin), margin+5, o.plan.Tiers[k].Name+" to "+o.plan.Tiers[k+1].Name)
	}
	for i, r := range results {
		top := 2*margin + i*panel
		c.text(margin, top+bars/2, r.name)
		c.text(margin, top+bars/2+margin, r.seeds()+" seeds")
		for k, flows := range r.loads {
			c.tier(caption+margin+k*(tierSize+margin), top, flows)
		}
		c.text(width-aside+4, top+bars-bars/highest+4, "mean")
	}
	c.text(caption+margin, height-margin/2,
		fmt.Sprintf("%d flows; a bar for each link, red above twice the mean, cut at %d times the mean",
			o.flows, highest))
	c.b.WriteString("</svg>\n")
	_, err := c.b.WriteTo(w)
	return err
}

// tier draws the links of a tier, in red where the load is above twice the
// mean.
func (c *canvas) tier(left, top int, flows []int) {
	sum := 0
	for _, n := range flows {
		sum += n
	}
	base := top + bars
	for i, n := range flows {
		x, next := left+i*tierSize/len(flows), left+(i+1)*tierSize/len(flows)
		height := min(n*len(flows)*bars/(highest*sum), bars)
		colour := "#2a6fb0"
		if n*len(flows) > 2*sum {
			colour = "#c23b22"
		}
		c.rect(x, base-height, max(next-x-1, 1), height, colour)
	}
	c.line(left, left+tierSize, base-bars/highest, "4")
	c.line(left, left+tierSize, base, "none")
}
