// Polarization shows how the tiers of a fabric are loaded when they compute the
// same hash, and checks a plan of tiers.
//
//	go run ./examples/polarization
//	go run ./examples/polarization -tiers 4x8x16 -svg polarization.svg
//	go run ./examples/polarization -tiers 4x8x16 -hash crc32 -seeds 1,1
//	go run ./examples/polarization -plan plan.json
//
// Flows enter at the switches of the first tier. Each switch spreads its flows
// over its links to all switches of the next tier. A switch of the second tier
// receives only flows whose hashes lie in its part of the range. If it computes
// the same hash again, it sends all of them to the same few switches: the
// traffic is polarized, and most links of the tier carry nothing. The remedy is
// a seed of its own for every switch, or for every tier.
//
// Without a plan, the program sends the same flows through the tiers with each
// hasher, once with one seed for all switches and once with one for each, and
// prints the load of the links: with Linux's multipath hash; the Toeplitz hash
// of switches and network cards, with a key in place of a seed; Toeplitz with
// one key for all switches and hash.Mix of the seed behind it; and XXH64. The
// selector is hash-threshold, as in Linux. -svg draws the load too.
//
// A plan says for each tier but the last by what its switches choose: the hash,
// the seeds, a rotation of the hash (the hash offset of switches) and the
// strategy. It is a file of JSON,
//
//	{"tiers": [
//	  {"name": "leaf", "switches": 4, "hash": "crc32", "seeds": [1], "strategy": "threshold"},
//	  {"name": "spine", "switches": 8, "hash": "crc32", "seeds": [1], "rotate": 5},
//	  {"name": "core", "switches": 16}]}
//
// or -tiers with -hash, -seeds, -rotate and -strategy, each with one value or
// with one for each tier but the last. The program sends flows through it,
// prints which links stay empty, and proposes seeds or else rotations with
// which none does, as a simulation of them shows.
//
// The exit code is 0 if the plan is good or hashers are compared; 1 if the plan
// is polarized, if there are too few flows to tell, or if something failed on
// the way; and 2 if the command line or the plan's file is wrong.
//
// -json prints JSON.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are the parsed flags.
type options struct {
	plan  plan
	check bool // the plan is to be checked, or else hashers to be compared
	flows int
	seed  uint64
	svg   string
	json  bool
}

// errPolarized is the verdict on a plan. Its details are printed before.
var errPolarized = errors.New("the plan is polarized")

// errTooFew is the verdict where nothing speaks against a plan, but flows are
// too few to call it good.
var errTooFew = errors.New("can't tell: too few flows")

func run(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "polarization: ", 0)
	o, err := parseOptions(args, stderr)
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	answer := compare
	if o.check {
		answer = checkPlan
	}
	if err := answer(o, stdout); err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("polarization", flag.ContinueOnError)
	tiers := flags.String("tiers", "4x4x4", "numbers of switches, `NxNx...`")
	file := flags.String("plan", "", "`file` of a plan")
	lists := map[string]*string{}
	for name, usage := range map[string]string{
		"hash": "hashes of the tiers", "seeds": "seeds of the tiers", "rotate": "by how many bits hashes are rotated",
		"strategy": "strategies of the tiers",
	} {
		lists[name] = flags.String(name, "", usage+": a `list` of one, or of one for each tier but the last")
	}
	flags.Usage = func() {
		_, _ = fmt.Fprintln(flags.Output(), "Usage of polarization:")
		flags.PrintDefaults()
		_, _ = fmt.Fprintln(flags.Output(), "Exit codes: 0 the plan is good, or hashers were compared; "+
			"1 it is polarized, flows are too few to tell,\nor something failed; "+
			"2 the command line or the plan's file is wrong.")
	}
	flags.IntVar(&o.flows, "flows", 0, "`number` of flows, 1 to 10,000,000; default 100,000, and 1,000,000 for a plan")
	flags.Uint64Var(&o.seed, "seed", 1, "`number` from which flows, seeds and keys are drawn")
	flags.StringVar(&o.svg, "svg", "", "`file` for a picture")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return o, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	o.check = given["plan"] || given["hash"] || given["seeds"] || given["rotate"] || given["strategy"]
	switch {
	case !given["flows"] && o.check:
		o.flows = 1_000_000
	case !given["flows"]:
		o.flows = 100_000
	case o.flows < 1 || o.flows > mostFlows:
		return o, fmt.Errorf("-flows: %d is not between 1 and %d", o.flows, mostFlows)
	}
	if o.check && given["svg"] {
		return o, errors.New("-svg is for the comparison of hashers")
	}
	if given["plan"] {
		for name := range lists {
			if given[name] || given["tiers"] {
				return o, errors.New("-plan has the tiers and what they choose by")
			}
		}
		o.plan, err = readPlan(*file)
		return o, err
	}
	if o.plan, err = parseTiers(*tiers); err != nil {
		return o, fmt.Errorf("-tiers: %w", err)
	}
	for name, give := range map[string]func(*planTier, string) error{
		"hash":     func(t *planTier, value string) error { t.Hash = value; return nil },
		"strategy": func(t *planTier, value string) error { t.Strategy = value; return nil },
		"seeds": func(t *planTier, value string) error {
			seed, err := strconv.ParseUint(value, 0, 64)
			t.Seeds = []uint64{seed}
			return err
		},
		"rotate": func(t *planTier, value string) (err error) {
			t.Rotate, err = strconv.Atoi(value)
			return err
		},
	} {
		if err := o.plan.set(*lists[name], give); err != nil {
			return o, fmt.Errorf("-%s: %w", name, err)
		}
	}
	if o.check {
		err = o.plan.build()
	}
	return o, err
}

// compare sends the flows through the tiers in every scenario and writes the
// results.
func compare(o options, w io.Writer) (err error) {
	flows := drawFlows(o.flows, o.seed)
	var results []result
	for _, s := range scenarios() {
		r, err := s.play(o.plan, flows, o.seed)
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
	return writeComparison(w, o, results)
}

// checkPlan sends flows through a plan, and looks for a better one if it is
// polarized.
func checkPlan(o options, w io.Writer) error {
	flows := drawFlows(o.flows, o.seed)
	c, err := o.plan.try(flows)
	if err != nil {
		return err
	}
	var better *proposal
	if c.Polarized {
		if better, err = o.plan.propose(flows, o.seed); err != nil {
			return err
		}
	}
	if err := writeCheck(w, o, c, better); err != nil {
		return err
	}
	if c.Polarized {
		return errPolarized
	}
	if c.TooFew {
		return errTooFew
	}
	return nil
}
