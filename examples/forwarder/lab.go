package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/lab"
	"github.com/ecmp-go/ecmp/examples/forwarder/strategy"
)

// labReport is what "forwarder lab" shows.
type labReport struct {
	Family      string       `json:"family"`
	Connections int          `json:"connections"` // and as many UDP flows
	Seed        uint64       `json:"seed"`
	Strategy    string       `json:"strategy"` // of the forwarder
	Sticky      bool         `json:"sticky"`
	Planes      []lab.Result `json:"planes"`
}

// runLab plays changes to live connections over one data plane after the other, and prints what became of them.
func runLab(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "forwarder lab: ", 0)
	c, planes, asJSON, err := parseLab(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		complain.Print(err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c.Log = func(line string) { complain.Print(line) }
	r := labReport{Family: "IPv4", Connections: c.Connections, Seed: c.Seed, Strategy: c.Strategy, Sticky: c.Sticky}
	if c.IPv6 {
		r.Family = "IPv6"
	}
	failed := false
	for _, c.Plane = range planes {
		result, err := lab.Run(ctx, c)
		switch {
		case ctx.Err() != nil:
			complain.Print("interrupted")
			return exitFailed
		case errors.Is(err, lab.ErrUnsupported):
			complain.Print(err)
			return exitFailed
		case err != nil: // the other planes may be there
			complain.Print(err)
			failed = true
		default:
			r.Planes = append(r.Planes, result)
		}
	}
	show := r.print
	if asJSON {
		show = func(w io.Writer) error { return printJSON(w, r) }
	}
	if len(r.Planes) > 0 {
		err = show(stdout)
	}
	if failed || err != nil {
		return exitFailed
	}
	return 0
}

func parseLab(args []string, stderr io.Writer) (c lab.Config, planes []string, asJSON bool, err error) {
	flags := flag.NewFlagSet("forwarder lab", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all
	name := flags.String("io", "all", "data `plane`: all, or one of "+strings.Join(lab.Planes(), ", "))
	flags.StringVar(&c.Strategy, "strategy", "maglev", "`name` of the forwarder's strategy: "+strings.Join(strategy.Names(), ", "))
	flags.IntVar(&c.Connections, "connections", 200, "`number` of TCP connections, and of UDP flows")
	flags.Uint64Var(&c.Seed, "seed", 1, "`number` that the hash depends on")
	flags.BoolVar(&c.IPv6, "ipv6", false, "play over IPv6")
	flags.BoolVar(&c.Sticky, "sticky", true, "let the forwarder keep flows on their members by a flow table")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stderr)
			flags.Usage()
		}
		return c, nil, false, err
	}
	if flags.NArg() > 0 {
		return c, nil, false, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if planes = lab.Planes(); *name != "all" {
		if !slices.Contains(planes, *name) {
			return c, nil, false, fmt.Errorf("-io: %q is none of all, %s", *name, strings.Join(planes, ", "))
		}
		planes = []string{*name}
	}
	if _, err := strategy.Parse(c.Strategy); err != nil {
		return c, nil, false, fmt.Errorf("-strategy: %w", err)
	}
	if c.Connections < 1 || c.Connections > lab.MaxConnections {
		return c, nil, false, fmt.Errorf("-connections: %d is none of 1 to %d", c.Connections, lab.MaxConnections)
	}
	c.Program, err = os.Executable()
	return c, planes, asJSON, err
}

// print prints one column for each data plane.
func (r *labReport) print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "What changes did to %d TCP connections and %d UDP flows over %s\n\n", r.Connections, r.Connections, r.Family)
	var t table
	header := []any{""}
	for _, p := range r.Planes {
		header = append(header, p.Plane)
	}
	t.row(header...)
	for i, first := range r.Planes[0].Steps {
		row := func(name string, value func(lab.Step) any) {
			cells := []any{"  " + name}
			for _, p := range r.Planes {
				cells = append(cells, value(p.Steps[i]))
			}
			t.row(cells...)
		}
		t.row(first.Event)
		row("connections kept", func(s lab.Step) any { return s.Connections.Kept })
		if strings.HasPrefix(first.Event, "remove") {
			row("  broken with the pod", func(s lab.Step) any { return s.Connections.Own })
		}
		row("  broken for nothing", func(s lab.Step) any { return s.Connections.Collateral })
		row("  of the broken, without a reset", func(s lab.Step) any { return s.Connections.TimedOut })
		row("UDP flows kept", func(s lab.Step) any { return s.Flows.Kept })
		row("  moved for nothing", func(s lab.Step) any { return s.Flows.Collateral })
		row(fmt.Sprintf("new connections on %s, due %.0f", strings.Join(first.New.Pods, ", "), first.New.Due),
			func(s lab.Step) any { return s.New.Connections })
	}
	b.WriteString(t.String())
	longest := time.Duration(0)
	for _, p := range r.Planes {
		for _, s := range p.Steps {
			longest = max(longest, s.Connections.Waited)
		}
	}
	fmt.Fprintf(&b, "\nA connection that moves is reset by the pod that it comes to, here %v after its packet at the latest.\n", longest.Round(time.Millisecond))
	_, err := w.Write(b.Bytes())
	return err
}
