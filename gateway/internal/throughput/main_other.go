//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "throughput: the data planes need Linux")
	os.Exit(1)
}
