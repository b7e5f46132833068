// Command report measures the library beside others and writes what it found: a
// page with plots that needs nothing else, the plots, and the raw results for
// benchstat and as JSON.
//
//	report -quick                    # a first look, into out/report
//	report                           # what is not on demand, on a quiet machine
//	report -list                     # the suites; with -only: the cases
//	report -only Remap,strategy=ring # some suites, some cases
//	report -only Build,strategy=bounded:slots=1024+slack=0.02 # of other parameters
//	report -compare out/a out/b      # do two runs agree, of one set of draws or two?
//	report -seeds 1                  # other draws of members than the committed ones
//	report -repeat out/a             # keep the times of a run beside the committed ones
//	report -draw benchmarks/results  # the page and the plots again
//	report -csv out/report           # figures as CSV, to the standard output
//	report -pages                    # the numbers of the documents
//
// each as "go run ./benchmarks/report", from the root of the repository.
//
// With -into, results are put among those that are there, and take the place of
// those of the same cases. So one strategy's figures are renewed, or a new
// strategy's added, without a run of everything:
//
//	report -only strategy=ring -into benchmarks/results
//
// Its figures of placement are the same on every machine. Its times say which
// machine and which commit they are of.
package main

import (
	"flag"
	"fmt"
	"io"
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
		into    = flag.String("into", "", "directory of results to renew or to add to, in place of -out")
		only    = flag.String("only", "", "suites, and key=value parts of names of cases; default: all but on demand")
		list    = flag.Bool("list", false, "list the suites, or with -only the cases, in place of measuring")
		draw    = flag.String("draw", "", "directory of results to draw, in place of measuring")
		csv     = flag.String("csv", "", "directory of results to print as CSV, in place of measuring")
		seeds   = flag.Int("seeds", 0, "which set of draws, for suites that draw: 0, 1, 2 and so on")
		blocks  = flag.Int("blocks", 0, "blocks of each case, all of this binary; 0: ten, or of -quick three")
		repeat  = flag.String("repeat", "", "directory of results whose times to keep beside the committed ones")
		compare = flag.Bool("compare", false, "compare the results in two directories")
		pages   = flag.Bool("pages", false, "renew the documents from benchmarks/results")
	)
	flag.Parse()
	wanted := results.ParseFilter(*only)
	err := known(wanted)
	switch {
	case err != nil:
	case *compare && flag.NArg() == 2:
		err = compareRuns(flag.Arg(0), flag.Arg(1), wanted)
	case *compare:
		misused(fmt.Sprintf("-compare takes two directories of results, not %d", flag.NArg()))
	case flag.NArg() > 0:
		misused(fmt.Sprintf("not an option: %q; -only chooses suites", flag.Arg(0)))
	case *list:
		err = listCases(os.Stdout, wanted, *quick)
	case *repeat != "":
		err = addRepeat(*repeat)
	case *pages:
		err = renew(".")
	case *csv != "":
		err = printCSV(*csv)
	case *draw != "":
		err = redraw(*draw)
	case *into != "":
		err = measureInto(*into, *only, *seeds, *blocks, *quick, true)
	default:
		err = measureInto(*out, *only, *seeds, *blocks, *quick, false)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// misused says why the command line is refused, and how it is to be.
func misused(reason string) {
	fmt.Fprintln(os.Stderr, "report:", reason)
	flag.Usage()
	os.Exit(2)
}

func compareRuns(first, second string, wanted results.Filter) error {
	var runs [2]*results.Run
	for i, dir := range []string{first, second} {
		r, err := results.Load(dir)
		if err != nil {
			return err
		}
		r.Cases = slices.DeleteFunc(r.Cases, func(c results.Case) bool { return !wanted.Match(c.Name) })
		runs[i] = r
	}
	if runs[0].Seeds != runs[1].Seeds {
		return compareDraws(runs[0], runs[1])
	}
	g := results.Compare(runs[0], runs[1])
	for _, c := range slices.Concat(g.Notes, g.Complaints) {
		fmt.Println(c)
	}
	fmt.Printf("%d ratios of medians compared, the worst is %.0f %% off; %d figures of placement compared\n",
		g.Ratios, 100*g.Worst, g.Figures)
	if len(g.Complaints) > 0 {
		return fmt.Errorf("the runs differ in %d places", len(g.Complaints))
	}
	return nil
}

// addRepeat keeps the times of a run beside the committed ones. The documents
// have to be renewed after it.
func addRepeat(dir string) error {
	r, err := results.Load(dir)
	if err != nil {
		return err
	}
	return results.AddRepeat(committed, r)
}

func printCSV(dir string) error {
	r, err := results.Load(dir)
	if err != nil {
		return err
	}
	return r.CSV(os.Stdout)
}

// compareDraws compares runs of different sets of draws, in all suites but those
// on demand that only one of them has.
func compareDraws(a, b *results.Run) error {
	for _, s := range suite.All() {
		of := func(c results.Case) bool { return results.Suite(c.Name) == s.Name }
		if s.OnDemand != "" && slices.ContainsFunc(a.Cases, of) != slices.ContainsFunc(b.Cases, of) {
			fmt.Printf("%s: in one run only\n", s.Name)
			a.Cases, b.Cases = slices.DeleteFunc(a.Cases, of), slices.DeleteFunc(b.Cases, of)
		}
	}
	g := results.CompareDraws(a, b)
	for _, c := range g.Complaints {
		fmt.Println(c)
	}
	fmt.Printf("%d of %d means agree within their intervals, %.1f %% with a standard error of %.1f %%;"+
		" %d differences of strategies told\n",
		g.Within, g.Means, 100*float64(g.Within)/float64(max(1, g.Means)), 100*g.Error, g.Pairs)
	times := results.CompareTimes(a, b)
	for _, text := range times.Reversed {
		fmt.Println(text)
	}
	fmt.Printf("%d of %d ratios of times are within %.0f %%;"+
		" %d of the %d that the first run tells from 1 are reversed\n",
		times.Near, times.Ratios, 100*results.Tolerance, len(times.Reversed), times.Told)
	if !g.Agrees() {
		return fmt.Errorf("fewer than 19 of 20 means agree, and %d complaints", len(g.Complaints))
	}
	if n := len(g.Complaints) + len(times.Reversed); n > 0 {
		return fmt.Errorf("the runs differ in %d places", n)
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

// listCases lists the suites, or the cases that are wanted.
func listCases(w io.Writer, wanted results.Filter, quick bool) error {
	size := newPlan(quick).Size
	size.Extra, _ = extras(wanted) // known has seen them
	for _, s := range suite.All() {
		if len(wanted) > 0 && !s.Chosen(wanted) {
			continue
		}
		cases := s.Cases(size)
		if len(wanted) == 0 {
			about, _, _ := strings.Cut(s.Text.About, ". ")
			if s.OnDemand != "" {
				about = fmt.Sprintf("%s. On demand, -only %s: %s", strings.TrimSuffix(about, "."), s.Name, s.OnDemand)
			}
			if _, err := fmt.Fprintf(w, "%-10s %4d cases  %s\n", s.Name, len(cases), about); err != nil {
				return err
			}
			continue
		}
		for _, c := range cases {
			if name := s.Name + "/" + c.Name; wanted.Match(name) {
				if _, err := fmt.Fprintln(w, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
