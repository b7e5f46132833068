// Command ratios measures the selectors against what they promise, in one run:
//
//	go run ./benchmarks/ratios                     # two minutes
//	go run ./benchmarks/ratios -blocks 101
//	go run ./benchmarks/ratios -only Rendezvous    # the rows whose names contain this
//
// Each row of the first part is a contest, of the library with another one or
// of two of its strategies, in one process and in turn, so that a busy machine
// slows both. A block of it looks up 65,536 random keys, the same ones on both
// sides and others in every block, or builds one table; times are those of one
// look-up or one build. The ratio is theirs over ours, of the minima of the
// blocks or, where the bar says so, of the medians; the bar is what the library
// promises, and a dash is no promise.
//
// The rows of the second part are figures: memory, errors of shares, fail-over.
// What selectors move on a change is counted by benchmarks/curve.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/exp/stats"
)

const minBlocks = 20

func main() {
	blocks := flag.Int("blocks", 31, fmt.Sprintf("blocks a side, at least %d", minBlocks))
	keys := flag.Int("keys", 1<<26, "random keys whose shares are counted, for strategies without a table")
	only := flag.String("only", "", "part of the names of rows")
	flag.Parse()
	if *blocks < minBlocks || *keys < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *blocks, *keys, *only); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, blocks, keys int, only string) error {
	list, err := contests()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(c contest) bool { return !strings.Contains(c.name, only) })
	if len(list) > 0 {
		if err := printContests(out, list, blocks); err != nil {
			return err
		}
	}
	var figures []figure
	for _, measure := range []func() ([]figure, error){memory, failOver,
		func() ([]figure, error) { return shares(keys, only) }} {
		more, err := measure()
		if err != nil {
			return err
		}
		figures = append(figures, more...)
	}
	return printFigures(out, slices.DeleteFunc(figures, func(f figure) bool { return !strings.Contains(f.name, only) }))
}

func printContests(out io.Writer, list []contest, blocks int) error {
	// keeps all text until Flush, which returns the error
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "contest\tours: min\tmedian\ttheirs: min\tmedian\tratio\tbar: at least")
	for _, c := range list {
		ours, theirs := c.run(blocks)
		ratio := c.by.of(theirs) / c.by.of(ours)
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.2f of %v\t%s\n", c.name, duration(minima.of(ours)),
			duration(medians.of(ours)),
			duration(minima.of(theirs)), duration(medians.of(theirs)), ratio, c.by, verdict(c.bar, ratio >= c.bar))
	}
	return t.Flush()
}

func printFigures(out io.Writer, list []figure) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "\nfigure\tmeasured\tbar: at most")
	for _, f := range list {
		_, _ = fmt.Fprintf(t, "%s\t%.3g %s\t%s\n", f.name, f.value, f.unit, verdict(f.most, f.value <= f.most))
	}
	return t.Flush()
}

func verdict(bar float64, holds bool) string {
	switch {
	case bar == 0:
		return "-"
	case holds:
		return fmt.Sprintf("%.3g holds", bar)
	}
	return fmt.Sprintf("%.3g MISSED", bar)
}

func duration(ns float64) string {
	if ns < 1e4 {
		return fmt.Sprintf("%.2f ns", ns)
	}
	return fmt.Sprintf("%.3f ms", ns/1e6)
}

// A statistic is the quantile of the blocks that a bar is about: the minimum,
// or the median where branches that a processor comes to predict make the
// minimum flattering.
type statistic float64

const (
	minima  statistic = 0
	medians statistic = .5
)

func (s statistic) of(blocks []float64) float64 { return stats.Quantiles(blocks, s)[0] }

func (s statistic) String() string {
	if s == minima {
		return "minima"
	}
	return "medians"
}
