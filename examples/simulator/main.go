// Simulator plays a rolling upgrade of all pods behind a row of gateways, and
// the failure of a gateway, in virtual time, under each strategy.
//
//	go run ./examples/simulator
//	go run ./examples/simulator -strategies "bounded maglev:size=4099" -svg lost.svg
//
// Four gateways share the connections to ten pods. Connections begin at random
// moments of ten minutes, and last as long as a Pareto distribution says: most
// end soon, and a few go on for minutes. From the first minute on, one pod
// after another is drained, stopped 20 s later, and is back after 10 s more as
// another one. At 5:30 the first gateway fails, and at 7:00 it is back without
// any memory. Routers spread connections over the gateways by hash-threshold,
// so other gateways get connections of which they know nothing.
//
// A connection is lost when a packet of it reaches a pod other than the one
// that it began at. The table counts the lost ones, without a flow table and
// with one: those whose pod was stopped while they were open, which no
// placement can save; those lost without need at the gateway that had their
// last packet; and those lost without need when they came through another one.
//
// The file simulation.go is the example, and the others are its surroundings.
// A seed gives the same output to the byte. -json prints JSON, -svg draws the
// connections lost without need over time.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/columns"
	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/selector"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "simulator: ", 0)
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	names := flags.String("strategies", strings.Join(catalog.Names(), " "),
		"`list` of strategies, with blanks between them")
	connections := flags.Int("connections", 5000, "`number` of connections in ten minutes, on average, 1 to 1,000,000")
	seed := flags.Uint64("seed", 1, "`number` from which everything is drawn")
	svg := flags.String("svg", "", "`file` for a picture")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return commandline.Refuse(complain, err)
	}
	if *connections < 1 || *connections > 1_000_000 {
		return commandline.Refuse(complain, fmt.Errorf("-connections: %d is not between 1 and 1000000", *connections))
	}
	strategies, err := parseStrategies(*names)
	if err != nil {
		return commandline.Refuse(complain, fmt.Errorf("-strategies: %w", err))
	}
	var list []result
	for _, s := range strategies {
		c := scenario{strategy: s, connections: *connections, seed: *seed}
		r := result{Strategy: fmt.Sprint(s), Plain: simulate(c)}
		c.sticky = true
		r.Sticky = simulate(c)
		list = append(list, r)
	}
	err = write(stdout, list, *asJSON)
	if err == nil && *svg != "" {
		err = writePicture(*svg, list)
	}
	if err != nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

// parseStrategies reads a list of strategies and tries each of them.
func parseStrategies(names string) (list []selector.Strategy, err error) {
	for part := range strings.FieldsSeq(names) {
		s, err := selector.ParseStrategy(part)
		if err != nil {
			return nil, err
		}
		members := make([]selector.Member, pods)
		for i := range members {
			members[i] = selector.Member{ID: podName(i), Weight: 1}
		}
		if _, err := selector.New(s, members); err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, errors.New("none is given")
	}
	return list, nil
}

func write(w io.Writer, list []result, asJSON bool) error {
	if asJSON {
		return commandline.PrintJSON(w, list)
	}
	var t columns.Table
	t.Row("", "", "lost, its pod", "lost without need", "lost without need")
	t.Row("strategy", "connections", "was stopped", "at its gateway", "at another gateway")
	for _, r := range list {
		t.Row(r.Strategy, r.Plain.Connections, r.Plain.Stopped, r.Plain.Changed, r.Plain.Moved)
		t.Row("  sticky", r.Sticky.Connections, r.Sticky.Stopped, r.Sticky.Changed, r.Sticky.Moved)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

func writePicture(name string, list []result) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return picture(file, list)
}

// must returns a value that can't fail to be: main tried the strategy.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
