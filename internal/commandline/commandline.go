// Package commandline is what the programs of this repository share: arguments
// that are flags and nothing else, errors of one line, exit codes, and output
// as JSON.
package commandline

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
)

// The exit codes of a program that did not do what it was asked for.
const (
	Failed = 1 // something failed on the way
	Usage  = 2 // the command line is wrong
)

// Parse parses arguments that are flags and nothing else. Where they ask for
// help, it prints the usage to stderr and returns [flag.ErrHelp].
func Parse(flags *flag.FlagSet, args []string, stderr io.Writer) error {
	flags.SetOutput(io.Discard) // the error says it all
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stderr)
		flags.Usage()
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return err
}

// Refuse says what is wrong with a command line. It returns the exit code:
// [Usage], or 0 after [flag.ErrHelp].
func Refuse(complain *log.Logger, err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	complain.Print(err)
	return Usage
}

// PrintJSON writes v as indented JSON.
func PrintJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
