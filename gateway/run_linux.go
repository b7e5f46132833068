package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/live"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// runRouter forwards between interfaces until it is told to stop.
func runRouter(args []string, _, stderr io.Writer) int {
	complain := log.New(stderr, "gateway run: ", 0)
	file, err := parseRun(args, stderr)
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends the process at once
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	slog.SetDefault(logger) // for the data planes
	err = live.Run(ctx, live.Options{
		File: file, Reload: reload, Planes: planes.All(), Log: logger,
	})
	if err == nil {
		return 0
	}
	complain.Print(err)
	if _, ok := errors.AsType[*config.Error](err); ok {
		return commandline.Usage
	}
	return commandline.Failed
}

func parseRun(args []string, stderr io.Writer) (file string, err error) {
	flags := flag.NewFlagSet("gateway run", flag.ContinueOnError)
	flags.StringVar(&file, "config", "", "configuration `file`, read again when it changes")
	if err = commandline.Parse(flags, args, stderr); err == nil && file == "" {
		err = errors.New("-config is missing")
	}
	return file, err
}
