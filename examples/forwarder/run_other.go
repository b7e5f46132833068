//go:build !linux

package main

import (
	"fmt"
	"io"

	"github.com/ecmp-go/ecmp/examples/internal/commandline"
)

// runRouter needs the packet sockets of Linux.
func runRouter(_ []string, _, stderr io.Writer) int {
	fmt.Fprintln(stderr, "forwarder run: it needs Linux; without arguments, forwarder plays a scenario on any system")
	return commandline.Failed
}
