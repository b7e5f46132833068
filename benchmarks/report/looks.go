package main

import (
	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// looks gives each series a colour and a shape, by its name: on every chart the
// same, and to no other. There are as many as colours times shapes.
type looks map[string]int

// newLooks gives the first ones to the strategies that were measured.
func newLooks(r *results.Run) looks {
	l := looks{}
	for _, name := range names(r, subject.Strategies()) {
		l.of(name)
	}
	return l
}

// of returns the style of a series.
func (l looks) of(name string) int {
	style, ok := l[name]
	if !ok {
		style = len(l)
		l[name] = style
	}
	return style
}
