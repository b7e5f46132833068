// Plan tells what changes of a group would move, before they are made.
//
//	go run ./examples/plan
//	go run ./examples/plan -members FILE -remove pod3
//	go run ./examples/plan -members FILE -weight pod1=1 -add pod6=2 -to maglev
//	go run ./examples/plan -members FILE -strategy maglev -upgrade
//
// The file has a member a line: its ID, and its weight, which is 1 if none is
// given. What follows a # is a comment. Without a file, five pods of unequal
// weights are taken; without a change, the removal of the second member, and
// an upgrade.
//
// Changes are -remove ID, -add ID=WEIGHT, -weight ID=WEIGHT and -to STRATEGY,
// each any number of times: another table size or seed is another strategy, as
// in "bounded:slots=4096,seed=7". The program prints the shares of the members
// before and after all changes, who loses how much to whom, and what the
// changes cost: at once, one after another as they are given, and in the order
// that moves least in sum. -upgrade prints what it moves to drain each member
// and to give it its weight again, one after another.
//
// Moved is in percent of all hashes. Forced are those that had to move in this
// placement, and due is what any placement must move. Heaviest is the greatest
// load of a member after the step, over what it is due.
//
// The file plan.go is the part that uses the library. -json prints JSON. The
// exit code is 2 if the command line or the file is wrong, with its line.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/selector"
)

//go:embed testdata/members.txt
var sample []byte

// mostSteps is how many changes are tried in every order.
const mostSteps = 5

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	members  []selector.Member
	strategy selector.Strategy
	steps    []step
	upgrade  bool
	json     bool
}

func run(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "plan: ", 0)
	o, err := parseOptions(args, stderr)
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	r, err := o.report()
	if err != nil {
		return commandline.Refuse(complain, err) // a step or a strategy does not suit the members
	}
	if o.json {
		err = commandline.PrintJSON(stdout, r)
	} else {
		_, err = io.WriteString(stdout, r.String())
	}
	if err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("plan", flag.ContinueOnError)
	file := flags.String("members", "", "`file` of members")
	strategy := flags.String("strategy", catalog.Default, "`strategy` in force")
	for name, usage := range map[string]string{
		"remove": "`ID` of a member to be removed", "add": "`ID=WEIGHT` of a member to be added",
		"weight": "`ID=WEIGHT` to be set", "to": "`strategy` to go to",
	} {
		flags.Func(name, usage+"; may be repeated", func(value string) error {
			s, err := parseStep(name, value)
			o.steps = append(o.steps, s)
			return err
		})
	}
	flags.BoolVar(&o.upgrade, "upgrade", false, "drain and return the members one by one")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return o, err
	}
	if o.strategy, err = selector.ParseStrategy(*strategy); err != nil {
		return o, fmt.Errorf("-strategy: %w", err)
	}
	text := sample
	if *file != "" {
		if text, err = os.ReadFile(*file); err != nil {
			return o, err
		}
	}
	if o.members, err = readMembers(*file, bytes.NewReader(text)); err != nil {
		return o, err
	}
	if len(o.steps) > mostSteps {
		return o, fmt.Errorf("%d changes are given, at most %d can be tried in every order", len(o.steps), mostSteps)
	}
	if len(o.steps) == 0 && !o.upgrade {
		if len(o.members) < 2 {
			return o, errors.New("no change is given, and one member can't be removed")
		}
		s, _ := parseStep("remove", o.members[1].ID)
		o.steps, o.upgrade = []step{s}, true
	}
	return o, nil
}
