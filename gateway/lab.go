package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/lab"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/selector"
)

// labOptions is the command line of "gateway lab".
type labOptions struct {
	lab.Config
	planes   []string
	soak     time.Duration
	gateways int // of a cluster; 0: one, and no cluster
	upstream string
	short    bool
	json     bool
}

// runLab plays changes to live connections over one data plane after the other,
// and prints what became of them.
func runLab(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "gateway lab: ", 0)
	o, err := parseLab(args, stderr)
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	o.Log = func(line string) { complain.Print(line) }
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case o.upstream != "":
		err = lab.RunUpstream(ctx, o.upstream, slog.New(slog.NewTextHandler(stderr, nil)))
	case o.gateways > 0:
		err = o.runFleet(ctx, stdout)
	case o.soak > 0:
		err = o.runSoak(ctx, stdout)
	default:
		err = o.runChanges(ctx, stdout)
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		complain.Print("interrupted")
	default:
		complain.Print(err)
	}
	return commandline.Failed
}

// runChanges plays the changes to all the planes, and shows those that it could
// play. The error says what the others lack.
func (o *labOptions) runChanges(ctx context.Context, stdout io.Writer) (failed error) {
	r := labReport{Family: o.family(), Connections: o.Connections, Seed: o.Seed, Strategy: o.Strategy, Sticky: o.Sticky,
		Tunnel: o.Tunnel}
	for _, o.Plane = range o.planes {
		result, err := lab.Run(ctx, o.Config)
		if errors.Is(err, lab.ErrUnsupported) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		r.Planes = append(r.Planes, result)
	}
	switch {
	case len(r.Planes) == 0:
		return failed
	case o.json:
		return errors.Join(failed, commandline.PrintJSON(stdout, r))
	}
	return errors.Join(failed, r.print(stdout))
}

func (o *labOptions) family() string {
	if o.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

func (o *labOptions) runSoak(ctx context.Context, stdout io.Writer) error {
	s, err := lab.RunSoak(ctx, o.Config, o.soak)
	if err != nil {
		return err
	}
	return errors.Join(commandline.PrintJSON(stdout, s), s.Check())
}

func parseLab(args []string, stderr io.Writer) (o labOptions, err error) {
	flags := flag.NewFlagSet("gateway lab", flag.ContinueOnError)
	name := flags.String("io", "all", "data `plane`: all, or one of "+strings.Join(lab.Planes(), ", "))
	flags.StringVar(&o.Strategy, "strategy", catalog.Default, "`name` of the gateway's strategy, one of "+
		strings.Join(catalog.Names(), ", ")+", and parameters: bounded:slots=4096")
	flags.IntVar(&o.Connections, "connections", 200, "`number` of TCP connections, and of UDP flows")
	flags.StringVar(&o.Tunnel, "tunnel", "", "let packets come to pods in tunnels of this `version` of IP, one of "+
		strings.Join(lab.Tunnels(), ", "))
	flags.Uint64Var(&o.Seed, "seed", 1, "`number` that the hash depends on")
	flags.BoolVar(&o.IPv6, "ipv6", false, "play over IPv6")
	flags.BoolVar(&o.Sticky, "sticky", true, "let the gateway keep flows on their members by a flow table")
	flags.BoolVar(&o.Loopback, "loopback", false,
		"tell the gateway what to do over TCP to its loopback, in place of a unix socket")
	flags.BoolVar(&o.Kill, "kill", false, "kill the gateway before its restart, in place of ending it")
	flags.DurationVar(&o.soak, "soak", 0,
		"change members once a second for this `time` instead, under heavier load, and print what was counted as JSON")
	flags.IntVar(&o.gateways, "gateways", 0,
		fmt.Sprintf("play what happens to so many `gateways` of a cluster, %d to %d",
			lab.MinFleet, lab.MaxFleet))
	flags.StringVar(&o.upstream, "upstream", "",
		"be the router of -gateways that a `file` describes, in this network namespace; the lab starts it")
	flags.BoolVar(&o.short, "short", false, "of -gateways, the first events alone")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	if err := commandline.Parse(flags, args, stderr); err != nil {
		return o, err
	}
	if o.planes = lab.Planes(); *name != "all" {
		if !slices.Contains(o.planes, *name) {
			return o, fmt.Errorf("-io: %q is none of all, %s", *name, strings.Join(o.planes, ", "))
		}
		o.Plane, o.planes = *name, []string{*name}
	}
	if o.Tunnel != "" {
		if !slices.Contains(lab.Tunnels(), o.Tunnel) {
			return o, fmt.Errorf("-tunnel: %q is none of %s", o.Tunnel, strings.Join(lab.Tunnels(), ", "))
		}
		if o.Kernel() {
			return o, errors.New("-tunnel: needs -io one of the gateway's data planes")
		}
		o.planes = slices.DeleteFunc(o.planes, func(name string) bool { return (&lab.Config{Plane: name}).Kernel() })
	}
	if o.gateways != 0 {
		if err := o.checkFleet(flags); err != nil {
			return o, err
		}
	}
	if o.soak < 0 || o.soak > 0 && (*name == "all" || o.Kernel()) {
		return o, errors.New("-soak: needs a positive time, and -io one of the gateway's data planes")
	}
	most := lab.MaxConnections
	if o.soak > 0 {
		most = lab.MaxSoakConnections
	}
	if _, err := selector.ParseStrategy(o.Strategy); err != nil {
		return o, fmt.Errorf("-strategy: %w", err)
	}
	if o.Connections < 1 || o.Connections > most {
		return o, fmt.Errorf("-connections: %d is none of 1 to %d", o.Connections, most)
	}
	o.Program, err = os.Executable()
	return o, err
}
