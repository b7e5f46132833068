// Command report measures the library beside others and writes what it found: a
// page with plots that needs nothing else, the plots, and the raw results for
// benchstat and as JSON.
//
//	go run ./benchmarks/report -quick                       # under three minutes, into out/report
//	go run ./benchmarks/report                              # under thirty minutes, 6 GB
//	go run ./benchmarks/report -suites Remap,Select         # of some suites
//	go run ./benchmarks/report -draw benchmarks/results     # the page and the plots again, from results
//	go run ./benchmarks/report -compare out/a out/b         # do two runs on one machine agree? With -suites: in these
//	go run ./benchmarks/report -out benchmarks/results && go run ./benchmarks/report -pages
//
// The last two commands renew the committed results and every number in the
// documentation that comes out of them: -pages writes it, where it can, and
// lists what somebody has to write.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

func main() {
	var (
		quick   = flag.Bool("quick", false, "fewer and smaller cases, three blocks")
		out     = flag.String("out", "out/report", "directory to write")
		names   = flag.String("suites", "", "names, separated by commas; default: all")
		draw    = flag.String("draw", "", "directory of results to draw, in place of measuring")
		compare = flag.Bool("compare", false, "compare the results in two directories")
		pages   = flag.Bool("pages", false, "renew the documentation from benchmarks/results")
	)
	flag.Parse()
	var err error
	switch {
	case *compare && flag.NArg() == 2:
		err = compareRuns(flag.Arg(0), flag.Arg(1), *names)
	case flag.NArg() > 0:
		flag.Usage()
		os.Exit(2)
	case *pages:
		err = renew(".")
	case *draw != "":
		err = redraw(*draw)
	default:
		err = measureAndDraw(*quick, *out, *names)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func compareRuns(first, second, names string) error {
	a, err := results.Load(first)
	if err != nil {
		return err
	}
	b, err := results.Load(second)
	if err != nil {
		return err
	}
	if names != "" {
		for _, r := range []*results.Run{a, b} {
			r.Cases = slices.DeleteFunc(r.Cases, func(c results.Case) bool {
				name, _, _ := strings.Cut(c.Name, "/")
				return !slices.Contains(strings.Split(names, ","), name)
			})
		}
	}
	g := results.Compare(a, b)
	for _, c := range g.Complaints {
		fmt.Println(c)
	}
	fmt.Printf("%d ratios of medians compared, the worst is %.0f %% off; %d figures of placement compared\n",
		g.Ratios, 100*g.Worst, g.Figures)
	if len(g.Complaints) > 0 {
		return fmt.Errorf("the runs differ in %d places", len(g.Complaints))
	}
	return nil
}

func redraw(dir string) error {
	r, err := results.Load(dir)
	if err != nil {
		return err
	}
	return writePage(dir, r)
}

func measureAndDraw(quick bool, out, names string) error {
	chosen := suites()
	if names != "" {
		chosen = nil
		for name := range strings.SplitSeq(names, ",") {
			i := slices.IndexFunc(suites(), func(s suite.Suite) bool { return s.Name == name })
			if i < 0 {
				return fmt.Errorf("no suite %q", name)
			}
			chosen = append(chosen, suites()[i])
		}
	}
	p := plan{size: suite.Full(), blocks: 10, turns: 5, suites: chosen, progress: os.Stderr}
	if quick {
		p.size, p.blocks, p.turns, p.quick = suite.Quick(), 3, 1, true
	}
	r, err := p.measure()
	if err != nil {
		return err
	}
	r.Quick, r.Command = quick, "go run ./benchmarks/report"
	if quick {
		r.Command += " -quick"
	}
	if names != "" {
		r.Command += " -suites " + names
	}
	if err := r.Save(out); err != nil {
		return err
	}
	if err := writePage(out, r); err != nil {
		return err
	}
	fmt.Printf("%s/%s\n", out, pageFile)
	return nil
}
