package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// A command is what "forwarder NAME ..." runs with the arguments after its name; it returns the exit code. Without a name the
// arguments are those of a capture or the built-in scenario.
type command func(args []string, stdout, stderr io.Writer) int

func commands() map[string]command {
	return map[string]command{
		"lab": runLab,
		"run": runRouter,
	}
}

// parseFlags parses arguments that are flags and nothing else. After flag.ErrHelp the usage has been printed.
func parseFlags(flags *flag.FlagSet, args []string, stderr io.Writer) error {
	flags.SetOutput(io.Discard) // the error says it all
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stderr)
			flags.Usage()
		}
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}
