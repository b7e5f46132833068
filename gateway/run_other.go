//go:build !linux

package main

import (
	"fmt"
	"io"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

// runRouter needs the packet sockets of Linux.
func runRouter(_ []string, _, stderr io.Writer) int {
	fmt.Fprintln(stderr, "gateway run: it needs Linux")
	return commandline.Failed
}
