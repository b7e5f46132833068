package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/ecmp-go/ecmp/examples/forwarder/config"
	"github.com/ecmp-go/ecmp/examples/forwarder/links"
	"github.com/ecmp-go/ecmp/examples/forwarder/live"
)

// runRouter forwards between interfaces until it is told to stop.
func runRouter(args []string, _, stderr io.Writer) int {
	file, err := parseRun(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "forwarder run:", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends the process at once
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	err = live.Run(ctx, live.Options{
		File: file, Reload: reload, Links: links.Host{}, Plane: newPlane, Log: slog.New(slog.NewTextHandler(stderr, nil)),
	})
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "forwarder run:", err)
	if _, ok := errors.AsType[*config.Error](err); ok {
		return exitUsage
	}
	return exitFailed
}

func parseRun(args []string, stderr io.Writer) (file string, err error) {
	flags := flag.NewFlagSet("forwarder run", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all
	flags.StringVar(&file, "config", "", "configuration `file`, read again when it changes")
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stderr)
		flags.Usage()
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case file == "":
		err = errors.New("-config is missing")
	}
	return file, err
}
