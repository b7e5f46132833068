package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// A paperRow is one value of a paper and the case of suite Papers that repeats
// its set-up.
type paperRow struct {
	where  string // section or figure
	what   string
	theirs string  // as the paper has it; "~" is before what was read off a figure
	value  float64 // the same, in the unit; NaN: there is none at hand
	name   string  // of the case, without suite and paper
	unit   string
	format func(float64) string
	agree  func(theirs float64, ours results.Figure) string
}

// no value is at hand.
func unknown() float64 { return math.NaN() }

const noValue = "no value at hand"

// paperRows returns those of a paper, by its name in cases.
func paperRows(paper string) []paperRow {
	switch paper {
	case "maglev":
		return maglevRows()
	case "jet":
		return jetRows()
	case "cheetah":
		return cheetahRows()
	case "lrh":
		return lrhRows()
	case "rfc2992":
		return rfc2992Rows()
	case "jump":
		return jumpRows()
	case "multiprobe":
		return multiProbeRows()
	case "anchor", "memento":
		return minimalRows(paper)
	case "rt-1.52":
		return rt152Rows()
	}
	return nil
}

// number reads a value of a row.
func number(text string) (v float64) {
	if _, err := fmt.Sscan(text, &v); err != nil {
		panic(err) // it is a constant of this file
	}
	return v
}

func over(v float64) string      { return percents(v - 1) }
func percents(v float64) string  { return figure(100*v) + " %" }
func deviation(v float64) string { return fmt.Sprintf("%.4f", v) }

// near says whether a value is one of those that our draws had, or within a
// tenth of their mean.
func near(theirs float64, ours results.Figure) string {
	if ours.Least <= theirs && theirs <= ours.Most || math.Abs(ours.Value-theirs) <= math.Abs(theirs)/10 {
		return "yes"
	}
	return "no"
}

// nearOver is near of what peaks have over the mean.
func nearOver(theirs float64, ours results.Figure) string {
	ours.Value, ours.Least, ours.Most = ours.Value-1, ours.Least-1, ours.Most-1
	return near(theirs-1, ours)
}

// noMore says whether ours is as good as theirs, or better.
func noMore(theirs float64, ours results.Figure) string {
	if ours.Value <= theirs {
		return "yes, at most theirs"
	}
	return "no, more than theirs"
}

// within5 says whether no draw is further off than five points.
func within5(theirs float64, ours results.Figure) string {
	if math.Abs(ours.Least-theirs) <= .05 && math.Abs(ours.Most-theirs) <= .05 {
		return "yes, in all draws"
	}
	return "no"
}

// slower says how many times as long theirs took, on another machine.
func slower(theirs float64, ours results.Figure) string {
	return fmt.Sprintf("theirs took %.1f times as long, on another machine", theirs/ours.Value)
}

// paperLines writes the rows of a paper that were measured.
func paperLines(paper string, measured func(name, unit string) (results.Figure, string, error)) []string {
	var lines []string
	for _, row := range paperRows(paper) {
		f, mark, err := measured(row.caseName(paper), row.unit)
		if err != nil {
			continue // nobody has measured it yet
		}
		cells := row.cells(f)
		cells[3] += mark
		lines = append(lines, "| "+strings.Join(cells, " | ")+" |")
	}
	return lines
}

// caseName is the full name of the row's case.
func (p paperRow) caseName(paper string) string { return "Papers/paper=" + paper + "/" + p.name }

// cells writes a row of the page: where, what, theirs, ours, the range of the
// draws, how many, and whether both agree.
func (p paperRow) cells(f results.Figure) []string {
	agrees, ours, span := none, p.format(f.Value), none
	if !math.IsNaN(p.value) {
		agrees = p.agree(p.value, f)
	}
	if f.Interval > 1e-9*f.Value && p.unit != results.Time { // not the error of a sum
		interval := p.format(f.Interval)
		if p.unit == "peak-to-mean" && !strings.HasSuffix(interval, "%") {
			interval = figure(f.Interval)
		} else if p.unit == "peak-to-mean" {
			interval = percents(f.Interval) // of what is over 1
		}
		ours += " ± " + interval
	}
	draws := fmt.Sprint(f.Draws)
	if p.unit == results.Time {
		draws += " blocks"
	}
	if f.Draws > 1 {
		span = p.format(f.Least) + " to " + p.format(f.Most)
	}
	return []string{p.where, p.what, p.theirs, ours, span, draws, agrees}
}
