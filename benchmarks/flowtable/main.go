// Command flowtable measures the flow table against what it promises, beside
// other caches, in one process:
//
//	go run ./benchmarks/flowtable                  # some minutes, up to 4 GB
//	go run ./benchmarks/flowtable -flows 1000000   # no more than a million flows
//	go run ./benchmarks/flowtable -only hit        # the rows whose names begin so
//
// Both sides of a row take turns, block after block, so that a busy machine
// slows both. A block is 262,144 packets of flows that are spread over the
// whole table at random. Times are medians of the blocks, with the minimum
// after the stroke; ratios are of medians. The garbage collector is off
// meanwhile, to the advantage of caches that give it work.
//
// The flow table asks Linux for huge pages, as who uses it has them too. Other
// caches do not ask; they get them as well where
// /sys/kernel/mm/transparent_hugepage/enabled is "always".
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

func main() {
	m := measurement{out: os.Stdout}
	flag.IntVar(&m.flows, "flows", 10_000_000, "the most flows, of 10000, 1000000, 10000000 and 100000000")
	flag.IntVar(&m.blocks, "blocks", 15, "blocks a side")
	flag.StringVar(&m.only, "only", "", "the beginning of the names of rows")
	flag.Parse()
	if m.blocks < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := m.run(); err != nil {
		fmt.Fprintln(os.Stderr, "flowtable:", err)
		os.Exit(1)
	}
}

// A measurement is one run.
type measurement struct {
	out    io.Writer
	flows  int
	blocks int
	only   string
}

// A group of rows with one subject.
type group struct {
	name string
	rows func(m *measurement) ([]row, error)
}

// A row is one line of the report.
type row struct{ name, ours, theirs, result, bar string }

func groups() []group {
	return []group{
		{"hit", hits},
		{"insert", inserts},
		{"cores", cores},
		{"curve", curve},
		{"flood", flood},
		{"upkeep", upkeep},
		{"prepare", prepared},
	}
}

func (m *measurement) run() error {
	for _, g := range groups() {
		if !strings.HasPrefix(g.name, m.only) {
			continue
		}
		rows, err := g.rows(m)
		if err != nil {
			return err
		}
		// keeps all text until Flush, which returns the error
		t := tabwriter.NewWriter(m.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintf(t, "%s\tours\ttheirs\tresult\tbar\n", g.name)
		for _, r := range rows {
			_, _ = fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", r.name, r.ours, r.theirs, r.result, r.bar)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// sizes are the numbers of flows to measure.
func (m *measurement) sizes(all ...int) (sizes []int) {
	for _, n := range all {
		if n <= m.flows {
			sizes = append(sizes, n)
		}
	}
	return sizes
}
