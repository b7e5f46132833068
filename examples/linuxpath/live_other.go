//go:build !linux

package main

import (
	"errors"
	"io"
)

func predictLive(options, io.Writer) error { return errors.New("-live needs Linux") }
