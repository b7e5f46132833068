package main

import "io"

// A command is what "forwarder NAME ..." runs with the arguments after its
// name; it returns the exit code. Without a name the arguments are those of a
// capture or the built-in scenario.
type command func(args []string, stdout, stderr io.Writer) int

func commands() map[string]command {
	return map[string]command{
		"lab": runLab,
		"run": runRouter,
	}
}
