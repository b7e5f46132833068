// Polarization shows how a fabric of two tiers is loaded when both tiers
// compute the same hash.
//
//	go run ./examples/polarization
//	go run ./examples/polarization -leaves 8 -spines 4 -cores 4 -svg polarization.svg
//
// Flows enter at leaves. Each leaf spreads them over all spines, and each spine
// spreads its flows over its links to all cores. A spine receives only flows
// whose hashes lie in its part of the range. If it computes the same hash
// again, it sends all of them to the same few cores: the traffic is polarized,
// and most links of the second tier carry nothing. The remedy is a seed of its
// own for every switch.
//
// The program sends the same flows through the fabric with each hasher, once
// with one seed for all switches and once with one for each, and prints the
// load of the links. -svg draws the load too, and -json prints JSON.
//
// The hashers are Linux's multipath hash; the Toeplitz hash of switches and
// network cards, with a key in place of a seed; Toeplitz with one key for all
// switches and hash.Mix of the seed behind it; and XXH64. The selector is
// hash-threshold, as in Linux.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are the parsed flags.
type options struct {
	fabric fabric
	flows  int
	seed   uint64
	svg    string
	json   bool
}

func run(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "polarization: ", 0)
	o, err := parseOptions(args, stderr)
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	if err := simulate(o, stdout); err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("polarization", flag.ContinueOnError)
	flags.IntVar(&o.fabric.leaves, "leaves", 4, "`number` of leaves, 1 to 64")
	flags.IntVar(&o.fabric.spines, "spines", 4, "`number` of spines, 2 to 64")
	flags.IntVar(&o.fabric.cores, "cores", 4, "`number` of cores, 2 to 64")
	flags.IntVar(&o.flows, "flows", 100_000, "`number` of flows, 1 to 10,000,000")
	flags.Uint64Var(&o.seed, "seed", 1, "`number` from which flows, seeds and keys are drawn")
	flags.StringVar(&o.svg, "svg", "", "`file` for a picture")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return o, err
	}
	const most = 64
	for _, limit := range []struct {
		name            string
		value, min, max int
	}{
		{"leaves", o.fabric.leaves, 1, most},
		{"spines", o.fabric.spines, 2, most},
		{"cores", o.fabric.cores, 2, most},
		{"flows", o.flows, 1, 10_000_000},
	} {
		if limit.value < limit.min || limit.value > limit.max {
			return o, fmt.Errorf("-%s: %d is not between %d and %d", limit.name, limit.value, limit.min, limit.max)
		}
	}
	return o, nil
}

// simulate sends the flows through the fabric in every scenario and writes the
// results.
func simulate(o options, w io.Writer) (err error) {
	flows := drawFlows(o.flows, o.seed)
	var results []result
	for _, s := range scenarios() {
		r, err := o.fabric.play(s, flows, o.seed)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		results = append(results, r)
	}
	if o.svg != "" {
		file, err := os.Create(o.svg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if err := draw(file, o, results); err != nil {
			return err
		}
	}
	return write(w, o, results)
}
