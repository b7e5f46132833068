// Command ratios measures how much faster the library is than others, both sides in one process and in turn, so that a busy
// machine slows both:
//
//	go run ./benchmarks/ratios
//	go run ./benchmarks/ratios -blocks 101
//
// Each row is a contest. A block of it looks up 65,536 random keys, the same ones on both sides and others in every block, or
// builds one table; times are those of one look-up or one build. The ratio is theirs over ours, of the minima of the blocks
// or, where the bar says so, of the medians; the bar is what the library promises.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"golang.org/x/exp/stats"
)

const minBlocks = 20

func main() {
	blocks := flag.Int("blocks", 31, fmt.Sprintf("blocks a side, at least %d", minBlocks))
	flag.Parse()
	if *blocks < minBlocks || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	list, err := contests()
	if err == nil {
		err = run(os.Stdout, list, *blocks)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, list []contest, blocks int) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) // keeps all text until Flush, which returns the error
	_, _ = fmt.Fprintln(t, "contest\tours: min\tmedian\ttheirs: min\tmedian\tratio\tbar")
	for _, c := range list {
		ours, theirs := c.run(blocks)
		ratio, verdict := c.by.of(theirs)/c.by.of(ours), "holds"
		if ratio < c.bar {
			verdict = "BELOW"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.2f of %v\t%.1f %s\n", c.name, duration(minima.of(ours)), duration(medians.of(ours)),
			duration(minima.of(theirs)), duration(medians.of(theirs)), ratio, c.by, c.bar, verdict)
	}
	return t.Flush()
}

func duration(ns float64) string {
	if ns < 1e4 {
		return fmt.Sprintf("%.2f ns", ns)
	}
	return fmt.Sprintf("%.3f ms", ns/1e6)
}

// A statistic is the quantile of the blocks that a bar is about: the minimum, or the median where branches that a processor
// comes to predict make the minimum flattering.
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
