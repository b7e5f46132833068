// Command curve measures the trade between balance and disruption that
// selector.Bounded makes with its slack, with Maglev in the same tables, and
// prints it as Markdown:
//
//	go run ./benchmarks/curve
//	go run ./benchmarks/curve -slots 4096 -seeds 60 -members 16,64
//
// Everything is counted exactly, over all slots of the tables. A seed is a set
// of random member IDs; figures are means over the seeds, and in brackets the
// worst.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
)

func main() {
	slots := flag.Uint("slots", selector.DefaultBoundedSlots,
		"slots of Bounded, a power of two; Maglev gets the next prime")
	seeds := flag.Uint("seeds", 20, "sets of members to take the mean of")
	members := flag.String("members", "3,10,16,32,64,100,200,500,1000,2000", "numbers of members")
	flag.Parse()
	if err := run(os.Stdout, uint32(*slots), uint64(*seeds), *members); err != nil {
		fmt.Fprintln(os.Stderr, "curve:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, slots uint32, seeds uint64, members string) error {
	var sizes []int
	for field := range strings.SplitSeq(members, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 2 || seeds == 0 {
			return fmt.Errorf("%q: want numbers of members from 2, and a seed", field)
		}
		sizes = append(sizes, n)
	}
	list := subjects(slots)
	for _, section := range []func(io.Writer, []subject, uint64) error{
		func(out io.Writer, list []subject, seeds uint64) error { return disruption(out, list, seeds, sizes) },
		crossings, lowest, weights,
	} {
		if err := section(out, list, seeds); err != nil {
			return err
		}
	}
	return nil
}

// subject is a strategy to measure.
type subject struct {
	name     string
	strategy selector.Strategy
}

func subjects(slots uint32) []subject {
	list := []subject{{"Maglev", selector.Maglev{Size: nextPrime(slots)}}}
	for _, s := range []struct {
		name  string
		slack selector.Slack
	}{{"none", selector.NoSlack}, {"0.02", 20}, {"0.05", 50}, {"unlimited", selector.UnlimitedSlack}} {
		list = append(list, subject{s.name, selector.Bounded{Slots: slots, Slack: s.slack}})
	}
	return list
}

func nextPrime(n uint32) uint32 {
	for {
		n++
		prime := true
		for d := uint32(2); prime && d*d <= n; d++ {
			prime = n%d != 0
		}
		if prime {
			return n
		}
	}
}

// disruption prints balance and disruption for groups of equal weights.
func disruption(out io.Writer, list []subject, seeds uint64, sizes []int) error {
	print(out, "\n## Equal weights\n\n"+
		"| members | | peak | lowest | remove 1 | add 1 | replace 1 | remove 10 %% | add 10 %% |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, n := range sizes {
		for _, s := range list {
			var peak, low figure
			changes := make([]figure, 5)
			for seed := range seeds {
				tenth := max(n/10, 1)
				all := group(seed, n+tenth)
				before, err := publish(s, all[:n])
				if err != nil {
					return err
				}
				shares := shares(before, all[:n])
				peak.add(shares.peak)
				low.add(shares.low)
				for i, after := range [][]selector.Member{all[1:n], all[:n+1], all[1 : n+1], all[tenth:n],
					all[:n+tenth]} {
					ratio, err := move(s, all[:n], after)
					if err != nil {
						return err
					}
					changes[i].add(ratio)
				}
			}
			print(out, "| %d | %s | %.3f | %.3f |", n, s.name, peak.mean(), low.mean())
			for _, c := range changes {
				print(out, " %.3f (%.3f) |", c.mean(), c.greatest)
			}
			print(out, "\n")
		}
	}
	return nil
}

// crossings prints the disruption where the share of equal members crosses a
// whole number of slots.
func crossings(out io.Writer, list []subject, seeds uint64) error {
	print(out, "\n## From n members to n+1, where the cap steps down\n\n| n | | add 1 |\n|---|---|---|\n")
	for _, n := range []int{15, 31, 63, 127, 255, 511, 1008, 1023, 1985} {
		for _, s := range list[:2] {
			var f figure
			for seed := range seeds {
				all := group(seed, n+1)
				ratio, err := move(s, all[:n], all)
				if err != nil {
					return err
				}
				f.add(ratio)
			}
			print(out, "| %d | %s | %.3f (%.3f) |\n", n, s.name, f.mean(), f.greatest)
		}
	}
	return nil
}

// lowest prints the least share of any member in small groups.
func lowest(out io.Writer, list []subject, _ uint64) error {
	const seeds = 60
	print(out, "\n## The least share of its due that any member of %d groups has\n\n| members |", seeds)
	for _, s := range list {
		print(out, " %s |", s.name)
	}
	print(out, "\n|---|%s\n", strings.Repeat("---|", len(list)))
	for n := 2; n <= 16; n++ {
		print(out, "| %d |", n)
		for _, s := range list {
			least := 1.0
			for seed := range uint64(seeds) {
				g := group(seed, n)
				built, err := publish(s, g)
				if err != nil {
					return err
				}
				least = min(least, shares(built, g).low)
			}
			print(out, " %.3f |", least)
		}
		print(out, "\n")
	}
	return nil
}

// weights prints the error of shares in groups of weights 1, 2, 3, 10, 1, 2,
// ...
func weights(out io.Writer, list []subject, seeds uint64) error {
	print(out, "\n## Root-mean-square error of shares, weights 1:2:3:10\n\n| members |")
	for _, s := range list {
		print(out, " %s |", s.name)
	}
	print(out, "\n|---|%s\n", strings.Repeat("---|", len(list)))
	for _, n := range []int{8, 100} {
		print(out, "| %d |", n)
		for _, s := range list {
			var f figure
			for seed := range seeds {
				g := group(seed, n)
				for i := range g {
					g[i].Weight = []uint32{1, 2, 3, 10}[i%4]
				}
				built, err := publish(s, g)
				if err != nil {
					return err
				}
				f.add(shares(built, g).rms)
			}
			print(out, " %.2f %% (%.2f) |", 100*f.mean(), 100*f.greatest)
		}
		print(out, "\n")
	}
	return nil
}
